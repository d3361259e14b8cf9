import type { BlobID, BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import type { EpochParameters } from '../format/parameters.ts';
import {
  parseEpochNumber,
  parseEpochRange,
  parseWatermark,
  SINGLE_EPOCH_PREFIX,
  type EpochRange,
} from './epoch-names.ts';
import {
  isSettled,
  lastRangedEpoch,
  openEpochs,
  type EpochSnapshot,
  type RangeSet,
} from './epoch-snapshot.ts';

/** True if the write epoch has lasted long enough and holds enough blobs or bytes for the next to begin. */
export function shouldAdvance(snapshot: EpochSnapshot, parameters: EpochParameters): boolean {
  const blobs = snapshot.uncompacted.get(snapshot.writeEpoch) ?? [];
  const first = blobs[0];
  if (first === undefined) return false;
  let { timestamp: oldest, timestamp: newest } = first;
  let totalBytes = 0;
  for (const { timestamp, length } of blobs) {
    if (timestamp < oldest) oldest = timestamp;
    if (timestamp > newest) newest = timestamp;
    totalBytes += length;
  }
  if (newest - oldest < parameters.minEpochDuration) return false;
  return (
    blobs.length >= parameters.epochAdvanceOnCountThreshold ||
    totalBytes >= parameters.epochAdvanceOnTotalSizeBytesThreshold
  );
}

/** The lowest epoch behind the ranges without a merged set; undefined while blobs may still be added to it. */
export function epochToCompact(snapshot: EpochSnapshot): number | undefined {
  let epoch = lastRangedEpoch(snapshot) + 1;
  while (snapshot.singleEpochSets.has(epoch)) epoch += 1;
  return isSettled(snapshot, epoch) ? epoch : undefined;
}

/** The settled epochs behind the ranges, if there are enough of them for a range of their own. */
export function rangeToCompact(
  snapshot: EpochSnapshot,
  parameters: EpochParameters,
): EpochRange | undefined {
  const first = lastRangedEpoch(snapshot) + 1;
  const last = snapshot.writeEpoch - 2;
  const enough = last >= first && last - first >= parameters.fullCheckpointFrequency;
  return enough ? { first, last } : undefined;
}

/** Markers that no reader needs any more: older than the one before the write epoch. */
export function markersToDelete(snapshot: EpochSnapshot): readonly BlobMetadata[] {
  return snapshot.markers.filter(({ id }) => {
    const epoch = parseEpochNumber(id);
    return epoch !== undefined && epoch < snapshot.writeEpoch - 1;
  });
}

/**
 * What was replaced before this moment of the storage's clock may be deleted: the newest recent index
 * blob minus the safety margin. Undefined without recent blobs, when the storage's time is unknown.
 */
export function cleanupCutoff(
  snapshot: EpochSnapshot,
  parameters: EpochParameters,
): EpochNanoseconds | undefined {
  const recent = openEpochs(snapshot.writeEpoch).flatMap(
    (epoch) => snapshot.uncompacted.get(epoch) ?? [],
  );
  const newest = newestTimestamp(recent);
  return newest === undefined ? undefined : newest - parameters.cleanupSafetyMargin;
}

/** Watermarks that are not the current one and were written before the cut-off. */
export function watermarksToDelete(
  snapshot: EpochSnapshot,
  cutoff: EpochNanoseconds,
): readonly BlobMetadata[] {
  const current = snapshot.deletionWatermarkSeconds;
  return snapshot.watermarks.filter(({ id, timestamp }) => {
    const seconds = parseWatermark(id);
    return seconds !== undefined && seconds !== current && timestamp < cutoff;
  });
}

/**
 * Index blobs that a merged set has replaced, complete since before the cut-off: what was written in its epoch, and the
 * sets of epochs that a range covers. In the order in which they may be deleted: a set outlives what it was made from,
 * because Kopia deletes that only as long as it sees the set.
 */
export function supersededBlobs(
  snapshot: EpochSnapshot,
  cutoff: EpochNanoseconds,
): readonly BlobMetadata[] {
  // A range of one epoch does not count: Kopia passes over it and reads the epoch itself.
  const ranges = snapshot.rangeChain.filter(
    ({ first, last, blobs }) => last > first && isOlderThan(blobs, cutoff),
  );
  const isInRange = (epoch: number): boolean =>
    ranges.some(({ first, last }) => first <= epoch && epoch <= last);
  const written = [...snapshot.uncompacted].flatMap(([epoch, blobs]) => {
    const set = snapshot.singleEpochSets.get(epoch);
    const isMerged = set !== undefined && isOlderThan(set, cutoff);
    return isSettled(snapshot, epoch) && (isMerged || isInRange(epoch)) ? blobs : [];
  });
  const current = new Set(snapshot.rangeChain.flatMap(({ blobs }) => blobs.map(({ id }) => id)));
  const sets = snapshot.mergedBlobs.filter(({ id, timestamp }) => {
    const covered = epochsOfSet(id);
    if (covered === undefined || current.has(id) || timestamp >= cutoff) return false;
    const { first, last } = covered;
    return ranges.some((range) => range.first <= first && last <= range.last);
  });
  return [...written, ...sets];
}

/** Ranges of one magnitude that become one: each level has less than this many. */
const MERGED_RANGES = 8;

/**
 * Consecutive ranges at the end of the chain that should become one, because there are many of their magnitude:
 * undefined if there are not. However long a repository lives the chain stays short, and an entry is written again once
 * for each magnitude of the repository's age.
 */
export function rangesToMerge(
  snapshot: EpochSnapshot,
  parameters: EpochParameters,
): readonly RangeSet[] | undefined {
  const chain = snapshot.rangeChain;
  const magnitudes = chain.map(({ first, last }) => {
    const spans = (last - first + 1) / (parameters.fullCheckpointFrequency + 1);
    return Math.floor(Math.log(Math.max(1, spans)) / Math.log(MERGED_RANGES));
  });
  for (const magnitude of new Set(magnitudes.toSorted((a, b) => a - b))) {
    const start = magnitudes.findLastIndex((other) => other > magnitude) + 1;
    const same = magnitudes.slice(start).filter((other) => other === magnitude);
    if (same.length >= MERGED_RANGES) return chain.slice(start);
  }
  return undefined;
}

/** The epochs that the set of a blob stands for; undefined if its name says none. */
function epochsOfSet(id: BlobID): EpochRange | undefined {
  const range = parseEpochRange(id);
  if (range !== undefined) return range;
  const epoch = parseEpochNumber(id);
  return epoch === undefined || !id.startsWith(SINGLE_EPOCH_PREFIX)
    ? undefined
    : { first: epoch, last: epoch };
}

function isOlderThan(set: readonly BlobMetadata[], cutoff: EpochNanoseconds): boolean {
  const completedAt = newestTimestamp(set);
  return completedAt !== undefined && completedAt < cutoff;
}

function newestTimestamp(blobs: readonly BlobMetadata[]): EpochNanoseconds | undefined {
  let newest: EpochNanoseconds | undefined;
  for (const { timestamp } of blobs) {
    if (newest === undefined || timestamp > newest) newest = timestamp;
  }
  return newest;
}
