import type { BlobID, BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { parseEpochs, UNCOMPACTED_PREFIX, type EpochRange } from './epoch-names.ts';
import { newestTimestamp } from './epoch-plans.ts';
import { activeBlobs, isSettled, type EpochSnapshot, type RangeSet } from './epoch-snapshot.ts';

/** An index blob that no longer counts, and the set that counts in its place; none: it is a part of a set. */
export interface ReplacedBlob {
  readonly blob: BlobMetadata;
  readonly by: readonly BlobMetadata[];
}

/** All that a merged set has replaced: what was written in its epoch, and the sets of epochs that a range covers. */
export function replacedBlobs(snapshot: EpochSnapshot): readonly ReplacedBlob[] {
  const active = activeIDs(snapshot);
  const written = [...snapshot.uncompacted.values()].flat();
  return [...written, ...snapshot.mergedBlobs].flatMap((blob) => {
    if (active.has(blob.id)) return [];
    const epochs = parseEpochs(blob.id);
    if (epochs === undefined) return [];
    const by =
      snapshot.rangeChain.find((range) => covers(range, epochs))?.blobs ??
      (epochs.first === epochs.last ? snapshot.singleEpochSets.get(epochs.first) : undefined) ??
      [];
    return [{ blob, by }];
  });
}

/**
 * Of {@link replacedBlobs}, what was replaced by a set that has been complete since before the cut-off. In the order in
 * which they may be deleted: a set outlives what it was made from, because Kopia deletes that only as long as it sees
 * the set.
 */
export function supersededBlobs(
  snapshot: EpochSnapshot,
  cutoff: EpochNanoseconds,
): readonly ReplacedBlob[] {
  // A range of one epoch does not count: Kopia passes over it and reads the epoch itself.
  const ranges = snapshot.rangeChain.filter(
    ({ first, last, blobs }) => last > first && isOlderThan(blobs, cutoff),
  );
  const inRange = (epochs: EpochRange): RangeSet | undefined =>
    ranges.find((range) => covers(range, epochs));
  const written = [...snapshot.uncompacted].flatMap(([epoch, blobs]) => {
    if (!isSettled(snapshot, epoch)) return [];
    const set = snapshot.singleEpochSets.get(epoch);
    const isMerged = set !== undefined && isOlderThan(set, cutoff);
    const by = inRange({ first: epoch, last: epoch })?.blobs ?? (isMerged ? set : undefined);
    return by === undefined ? [] : blobs.map((blob) => ({ blob, by }));
  });
  const active = activeIDs(snapshot);
  const sets = snapshot.mergedBlobs.flatMap((blob) => {
    const epochs = parseEpochs(blob.id);
    if (epochs === undefined || active.has(blob.id) || blob.timestamp >= cutoff) return [];
    const by = inRange(epochs)?.blobs;
    return by === undefined ? [] : [{ blob, by }];
  });
  return [...written, ...sets];
}

/**
 * True if a blob was written when its epoch had been merged already: its writer found that out and took it back, or
 * stopped before it could. By the storage's clock.
 */
export function cameTooLate({ blob, by }: ReplacedBlob): boolean {
  const mergedAt = newestTimestamp(by);
  const isWritten = blob.id.startsWith(UNCOMPACTED_PREFIX);
  return isWritten && mergedAt !== undefined && blob.timestamp >= mergedAt;
}

function activeIDs(snapshot: EpochSnapshot): ReadonlySet<BlobID> {
  return new Set(activeBlobs(snapshot).map(({ id }) => id));
}

function covers(range: EpochRange, { first, last }: EpochRange): boolean {
  return range.first <= first && last <= range.last;
}

function isOlderThan(set: readonly BlobMetadata[], cutoff: EpochNanoseconds): boolean {
  const completedAt = newestTimestamp(set);
  return completedAt !== undefined && completedAt < cutoff;
}
