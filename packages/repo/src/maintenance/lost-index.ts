import type { AbortOptions } from '../blob/storage.ts';
import { refuseUnreplaced } from '../content/indexblob/unreplaced-entries.ts';
import { lostEpochsError } from '../epoch/epoch-gaps.ts';
import { CorruptDataError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';

const PACK_PREFIXES = ['q', 'p'] as const;

/**
 * CORRUPT_DATA if the index names no manifest at all although there are packs, or if index blobs are missing by the
 * names of those that are there. Every repository has manifests: what a lost index does not name would pass for garbage.
 */
export async function refuseLostIndex(
  { contents, storage, indexBlobs }: OpenWritableRepository,
  options: AbortOptions,
): Promise<void> {
  if (indexBlobs.style === 'epoch') {
    const { lostEpochs, lostMarker } = await indexBlobs.findGaps(options);
    if (lostMarker !== undefined) throw lostMarkerError(lostMarker);
    if (lostEpochs.length > 0) throw lostEpochsError(lostEpochs);
  }
  for (const _ of contents.iterateContents({ prefix: 'm', includeDeleted: true })) return;
  for (const prefix of PACK_PREFIXES) {
    for await (const { id } of storage.listBlobs(prefix, options)) {
      throw new CorruptDataError(
        `the index names no manifest at all, but the storage has packs such as ${id}: index blobs seem to be lost, so ` +
          'maintenance does nothing. Packs are indexed again with "index recover --commit"',
        { blobID: id },
      );
    }
  }
}

/** CORRUPT_DATA if contents left the index when index blobs were merged: their packs would pass for garbage. */
export async function refuseIncompleteMerges(
  { indexBlobs }: OpenWritableRepository,
  options: AbortOptions,
): Promise<void> {
  if (indexBlobs.style === 'epoch') refuseUnreplaced(await indexBlobs.findUnreplaced(options));
}

function lostMarkerError(epoch: number): CorruptDataError {
  return new CorruptDataError(
    `epoch marker xe${epoch} is missing, although there are index blobs by which epoch ${epoch} must have begun: ` +
      'maintenance does nothing. If it stays so, "index recover --commit" writes it again',
  );
}
