import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { lostEpochsError } from './epoch-gaps.ts';
import { parseEpochs, rangePrefix, type EpochRange } from './epoch-names.ts';
import { epochToCompact, rangesToMerge, rangeToCompact } from './epoch-plans.ts';
import { selectEpochs, type EpochSnapshot, type IndexSelection } from './epoch-snapshot.ts';

/** What one step merges. */
export interface MergePlan {
  readonly range: EpochRange;
  readonly selection: IndexSelection;
}

export function planSingleEpoch(snapshot: EpochSnapshot): MergePlan | undefined {
  const epoch = epochToCompact(snapshot);
  if (epoch === undefined) return undefined;
  return {
    range: { first: epoch, last: epoch },
    selection: { blobs: [], epochsToList: [epoch] },
  };
}

export function planRange(
  snapshot: EpochSnapshot,
  parameters: EpochParameters,
): MergePlan | undefined {
  const range = rangeToCompact(snapshot, parameters);
  if (range !== undefined) return { range, selection: selectEpochs(snapshot, range) };
  const ranges = rangesToMerge(snapshot, parameters);
  if (ranges === undefined) return undefined;
  return {
    range: { first: ranges[0]!.first, last: ranges.at(-1)!.last },
    selection: { blobs: ranges.flatMap(({ blobs }) => blobs), epochsToList: [] },
  };
}

/** The same sets and epochs: what was written in those may be seen in part. */
export function isSamePlan(a: MergePlan, b: MergePlan): boolean {
  const describe = ({ range, selection }: MergePlan): string =>
    [
      rangePrefix(range),
      ...selection.epochsToList,
      ...selection.blobs.map(({ id }) => id).toSorted(),
    ].join(' ');
  return describe(a) === describe(b);
}

/** CORRUPT_DATA if an epoch has no index blob: a set that is said to hold all of it would be believed for ever. */
export function refuseGaps({ first, last }: EpochRange, inputs: readonly BlobMetadata[]): void {
  const present = new Set<number>();
  for (const { id } of inputs) {
    const epochs = parseEpochs(id);
    if (epochs === undefined) continue;
    for (let epoch = epochs.first; epoch <= epochs.last; epoch++) present.add(epoch);
  }
  for (let epoch = first; epoch <= last; epoch++) {
    if (!present.has(epoch)) throw lostEpochsError([epoch]);
  }
}
