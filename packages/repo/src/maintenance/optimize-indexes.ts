import { abortOptions, type AbortOptions } from '../blob/storage.ts';
import type { EpochIndexBlobs } from '../content/indexblob/epoch-index-blobs.ts';
import type { LegacyCompactionOptions } from '../content/indexblob/legacy-index-blobs.ts';
import { LongshoreError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';
import { refuseLostIndex } from './lost-index.ts';

/**
 * Merges the settled epochs that wait, one after the other, as `mergeNext` does it; it says whether there was one. Until
 * none waits or `maxEpochs` are done.
 */
export async function mergeDueEpochs(
  indexBlobs: EpochIndexBlobs,
  mergeNext: () => Promise<boolean>,
  { maxEpochs, ...options }: AbortOptions & { readonly maxEpochs: number },
): Promise<void> {
  for (let epochs = 0; epochs < maxEpochs; epochs++) {
    if (!(await mergeNext())) return;
    if (!(await indexBlobs.dueSteps(options)).compactSingleEpoch) return;
  }
}

export interface OptimizeIndexesOptions
  extends
    AbortOptions,
    Pick<
      LegacyCompactionOptions,
      'dropDeletedBeforeSeconds' | 'dropContents' | 'allIndexes' | 'maxSmallBlobs'
    > {}

/**
 * Merges index blobs now, and returns how many. With epochs: all that wait, whatever their number and size, and what was
 * deleted before a moment is hidden; no content can be dropped (UNSUPPORTED). Without: those that the options select, and
 * all of them if anything is dropped, or an older entry in a blob left aside would come back. CORRUPT_DATA where index
 * blobs are lost.
 */
export async function optimizeIndexes(
  repository: OpenWritableRepository,
  options: OptimizeIndexesOptions = {},
): Promise<number> {
  const { indexBlobs } = repository;
  const { signal, dropDeletedBeforeSeconds, dropContents } = options;
  const abort = abortOptions({ signal });
  if (indexBlobs.style === 'legacy') return (await indexBlobs.compact(options))?.inputs.length ?? 0;
  if (dropContents !== undefined) {
    throw new LongshoreError('UNSUPPORTED', 'no content can be dropped where there are epochs');
  }
  await refuseLostIndex(repository, abort);
  if (dropDeletedBeforeSeconds !== undefined) {
    await indexBlobs.advanceDeletionWatermark(dropDeletedBeforeSeconds, abort);
  }
  let inputs = 0;
  const mergeNext = async (): Promise<boolean> => {
    const merged = await indexBlobs.compactSingleEpoch(abort);
    inputs += merged?.inputs.length ?? 0;
    return merged !== undefined;
  };
  await mergeDueEpochs(indexBlobs, mergeNext, { ...abort, maxEpochs: Infinity });
  inputs += (await indexBlobs.compactRange(abort))?.inputs.length ?? 0;
  return inputs;
}
