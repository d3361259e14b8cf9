import type { BlobID, BlobMetadata } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';

/** Blobs are read by groups of those whose names hash alike: few enough to remember when each was read. */
export const PARTITION_COUNT = 4096;

/** FNV-1a, so that blobs of every kind spread evenly. */
export function partitionOf(id: BlobID): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PARTITION_COUNT;
}

/** How far the rotation has come. Times are Unix seconds of the storage's clock. */
export interface RotationState {
  /** When the promise was first made. */
  readonly since: number;
  /** When the last run began; 0: never. */
  readonly lastRun: number;
  /** For each partition, when a reading of all that was in it began; 0: never. */
  readonly readAt: readonly number[];
  /** A partition of which the blobs up to `after` are read. */
  readonly partial: PartialReading | undefined;
  /** Names of blobs that were damaged when they were last read, at most {@link MAX_REMEMBERED_DAMAGE}. */
  readonly damaged: readonly string[];
}

/** Damage beyond that is found again when its turn comes; bounds the state. */
export const MAX_REMEMBERED_DAMAGE = 4096;

export interface PartialReading {
  readonly partition: number;
  readonly after: string;
  readonly startedAt: number;
}

export function newRotation(now: number): RotationState {
  return {
    since: now,
    lastRun: 0,
    readAt: Array.from({ length: PARTITION_COUNT }, () => 0),
    partial: undefined,
    damaged: [],
  };
}

export interface RotationGoal {
  /** Each byte is to be read once in so many seconds. */
  readonly withinSeconds: number;
  /** Bytes of this run; undefined: what the promise needs. */
  readonly budgetBytes: number | undefined;
}

/** Blobs of a partition that are to be read together, in order. */
export interface PlannedPartition {
  readonly partition: number;
  readonly blobs: readonly BlobMetadata[];
  readonly startedAt: number;
}

const DAY_SECONDS = 24 * 60 * 60;

/**
 * What to read in this run, the longest unread first. Without a budget: the share of all bytes that falls on the time
 * since the last run, and whatever would be overdue before the next one if it came after as long.
 */
export function planRotation(
  state: RotationState,
  blobs: readonly BlobMetadata[],
  now: number,
  { withinSeconds, budgetBytes }: RotationGoal,
): readonly PlannedPartition[] {
  const elapsed = elapsedSeconds(state, now, withinSeconds);
  const totalBytes = blobs.reduce((sum, { length }) => sum + length, 0);
  // All must be read by the last run before the time is over: one interval is lost.
  const share = Math.ceil((totalBytes * elapsed) / Math.max(withinSeconds - elapsed, elapsed));
  const partitions = [...Map.groupBy(blobs, ({ id }) => partitionOf(id))]
    .map(([partition, members]) => ({
      partition,
      members,
      unreadSince: Math.min(...members.map((blob) => unreadSince(state, partition, blob))),
    }))
    .sort(
      (a, b) =>
        Number(b.partition === state.partial?.partition) -
          Number(a.partition === state.partial?.partition) ||
        a.unreadSince - b.unreadSince ||
        a.partition - b.partition,
    );
  const planned: PlannedPartition[] = [];
  let bytes = 0;
  for (const { partition, members, unreadSince: since } of partitions) {
    const deadline = Math.max(since, state.since) + withinSeconds;
    const isDue = deadline <= now + elapsed;
    const limit = budgetBytes ?? (isDue ? Number.POSITIVE_INFINITY : share);
    if (bytes >= limit) break;
    const begun = state.partial?.partition === partition ? state.partial : undefined;
    const left = members
      .filter(({ id }) => begun === undefined || id > begun.after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const startedAt = begun?.startedAt ?? now;
    planned.push({ partition, blobs: left, startedAt });
    bytes += left.reduce((sum, { length }) => sum + length, 0);
  }
  return planned;
}

/**
 * Since when a blob has not been read: its last reading, or its being written if there was none. What was written in the
 * second in which a reading began may have come after it. Unix seconds.
 */
function unreadSince(state: RotationState, partition: number, blob: BlobMetadata): number {
  const written = secondsOf(blob);
  const readAt = state.readAt[partition] ?? 0;
  return written < readAt ? readAt : written;
}

function secondsOf({ timestamp }: BlobMetadata): number {
  return Number(timestamp / NANOSECONDS_PER_SECOND);
}

function elapsedSeconds(state: RotationState, now: number, withinSeconds: number): number {
  const elapsed = state.lastRun === 0 ? DAY_SECONDS : now - state.lastRun;
  return Math.min(Math.max(elapsed, 1), withinSeconds);
}

/** How the promise stands. Sizes in bytes. */
export interface RotationCoverage {
  readonly totalBytes: number;
  readonly totalBlobs: number;
  /** Read within the time that was promised. */
  readonly coveredBytes: number;
  /** Neither read in time nor written or promised so short a time ago that it need not be. */
  readonly overdueBytes: number;
  /** How long the byte that waits longest has not been read; 0 in an empty storage. */
  readonly oldestUnreadSeconds: number;
}

export function coverageOf(
  state: RotationState,
  blobs: readonly BlobMetadata[],
  now: number,
  withinSeconds: number,
): RotationCoverage {
  let totalBytes = 0;
  let coveredBytes = 0;
  let overdueBytes = 0;
  let oldest = now;
  for (const blob of blobs) {
    const partition = partitionOf(blob.id);
    const since = unreadSince(state, partition, blob);
    totalBytes += blob.length;
    oldest = Math.min(oldest, since);
    const isRead = secondsOf(blob) < (state.readAt[partition] ?? 0);
    if (isRead && now - since <= withinSeconds) coveredBytes += blob.length;
    if (Math.max(since, state.since) + withinSeconds < now) overdueBytes += blob.length;
  }
  return {
    totalBytes,
    totalBlobs: blobs.length,
    coveredBytes,
    overdueBytes,
    oldestUnreadSeconds: now - oldest,
  };
}
