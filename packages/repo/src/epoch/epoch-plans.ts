import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { parseEpochNumber, parseWatermark, type EpochRange } from './epoch-names.ts';
import { isSettled, lastRangedEpoch, openEpochs, type EpochSnapshot } from './epoch-snapshot.ts';

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

/** Settled epochs whose merged set was complete before the cut-off: what was merged into it can go. */
export function supersededEpochs(
  snapshot: EpochSnapshot,
  cutoff: EpochNanoseconds,
): readonly number[] {
  const epochs: number[] = [];
  for (const [epoch, set] of snapshot.singleEpochSets) {
    const completedAt = newestTimestamp(set);
    if (isSettled(snapshot, epoch) && completedAt !== undefined && completedAt < cutoff) {
      epochs.push(epoch);
    }
  }
  return epochs;
}

function newestTimestamp(blobs: readonly BlobMetadata[]): EpochNanoseconds | undefined {
  let newest: EpochNanoseconds | undefined;
  for (const { timestamp } of blobs) {
    if (newest === undefined || timestamp > newest) newest = timestamp;
  }
  return newest;
}
