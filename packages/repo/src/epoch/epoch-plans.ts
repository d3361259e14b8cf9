import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { parseEpochNumber, parseWatermark, type EpochRange } from './epoch-names.ts';
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

/** Of no blobs: undefined. */
export function newestTimestamp(blobs: readonly BlobMetadata[]): EpochNanoseconds | undefined {
  let newest: EpochNanoseconds | undefined;
  for (const { timestamp } of blobs) {
    if (newest === undefined || timestamp > newest) newest = timestamp;
  }
  return newest;
}
