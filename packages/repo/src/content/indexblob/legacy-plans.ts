import type { BlobID, BlobMetadata } from '../../blob/storage.ts';
import type { EpochNanoseconds } from '../../clock.ts';
import type { CompactionLog } from './compaction-log.ts';

/** Kopia's waiting time before something that was replaced is deleted: one hour of the storage's clock. */
export const SETTLE_TIME: EpochNanoseconds = 3_600_000_000_000n;

/** Below this many blobs merging is not worth it. */
const MAX_SMALL_BLOBS = 8;

/** A blob smaller than the pack size by this factor is very small. */
const VERY_SMALL_FACTOR = 20;

export interface ListedLog extends CompactionLog {
  readonly blob: BlobMetadata;
}

/** All index blobs but those that a log with all its outputs present replaced. */
export function selectActiveLegacy(
  indexBlobs: readonly BlobMetadata[],
  logs: readonly CompactionLog[],
): readonly BlobMetadata[] {
  const present = new Set(indexBlobs.map(({ id }) => id));
  const replaced = new Set<BlobID>();
  for (const { inputs, outputs } of logs) {
    if (!outputs.every((id) => present.has(id))) continue;
    for (const id of inputs) replaced.add(id);
  }
  return indexBlobs.filter(({ id }) => !replaced.has(id));
}

export interface LegacySelectionOptions {
  /** Small blobs that may be left as they are; default 8. */
  readonly maxSmallBlobs?: number;
  /** Blobs larger than a pack are merged as well. */
  readonly allIndexes?: boolean;
}

/** What a quick maintenance merges: the small blobs, or only the very small ones if these are most. */
export function selectForCompaction(
  active: readonly BlobMetadata[],
  maxPackSize: number,
  { maxSmallBlobs = MAX_SMALL_BLOBS, allIndexes = false }: LegacySelectionOptions = {},
): readonly BlobMetadata[] {
  const small = active.filter(({ length }) => allIndexes || length <= maxPackSize);
  if (small.length < maxSmallBlobs) return [];
  const verySmallLimit = Math.floor(maxPackSize / VERY_SMALL_FACTOR);
  const verySmall = small.filter(({ length }) => length < verySmallLimit);
  const others = small.length - verySmall.length;
  const mostAreVerySmall = verySmall.length > Math.floor(small.length / 2);
  return mostAreVerySmall && others + 1 < maxSmallBlobs ? verySmall : small;
}

/**
 * Logs each of whose outputs is still there or was itself merged by a log that counts: the inputs of others may be all
 * that is left.
 */
export function selectCountingLogs<Log extends CompactionLog>(
  logs: readonly Log[],
  indexBlobs: readonly BlobMetadata[],
): ReadonlySet<Log> {
  const covered = new Set(indexBlobs.map(({ id }) => id));
  const counting = new Set<Log>();
  for (let grown = true; grown;) {
    grown = false;
    for (const log of logs) {
      if (counting.has(log) || !log.outputs.every((id) => covered.has(id))) continue;
      counting.add(log);
      for (const id of log.inputs) covered.add(id);
      grown = true;
    }
  }
  return counting;
}

/** Index blobs that logs have replaced, those of older logs first. */
export function replacedInputs(logs: readonly ListedLog[]): readonly BlobID[] {
  const ids = new Set<BlobID>();
  const byAge = logs.toSorted((a, b) => (a.blob.timestamp < b.blob.timestamp ? -1 : 1));
  for (const log of byAge) for (const id of log.inputs) if (id.startsWith('n')) ids.add(id);
  return [...ids];
}
