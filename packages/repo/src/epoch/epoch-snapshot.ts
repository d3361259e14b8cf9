import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { CorruptDataError } from '../errors.ts';
import {
  EPOCH_MARKER_PREFIX,
  findCompleteSet,
  MAX_EPOCH,
  parseEpochNumber,
  parseEpochRange,
  parseWatermark,
  RANGE_PREFIX,
  SINGLE_EPOCH_PREFIX,
  UNCOMPACTED_PREFIX,
  WATERMARK_PREFIX,
  type EpochRange,
} from './epoch-names.ts';

/** A complete merged set of an epoch range. */
export interface RangeSet extends EpochRange {
  readonly blobs: readonly BlobMetadata[];
}

/** What the names in the storage say about the index, as of one moment. */
export interface EpochSnapshot {
  /** Writers add to this epoch. */
  readonly writeEpoch: number;
  /** Unix seconds. */
  readonly deletionWatermarkSeconds: number | undefined;
  readonly markers: readonly BlobMetadata[];
  readonly watermarks: readonly BlobMetadata[];
  /** The complete merged set of an epoch, where there is one. */
  readonly singleEpochSets: ReadonlyMap<number, readonly BlobMetadata[]>;
  /** Ranges that cover epochs from 0 on without a gap. */
  readonly rangeChain: readonly RangeSet[];
  /** All blobs of merged sets, complete or not. */
  readonly mergedBlobs: readonly BlobMetadata[];
  /** What was written in each epoch, as far as it has not been deleted. */
  readonly uncompacted: ReadonlyMap<number, readonly BlobMetadata[]>;
}

/** The highest epoch that has begun, 0 at first. An epoch beyond belief is CORRUPT_DATA. */
export function findWriteEpoch(markers: readonly BlobMetadata[]): number {
  let writeEpoch = 0;
  for (const { id } of markers) {
    const epoch = parseEpochNumber(id) ?? 0;
    if (epoch > MAX_EPOCH) {
      throw new CorruptDataError(`epoch marker ${id}: beyond epoch ${MAX_EPOCH}`, { blobID: id });
    }
    writeEpoch = Math.max(writeEpoch, epoch);
  }
  return writeEpoch;
}

/** The epochs around the write epoch in which blobs may still appear. */
export function openEpochs(writeEpoch: number): readonly number[] {
  return [writeEpoch - 1, writeEpoch, writeEpoch + 1].filter((epoch) => epoch >= 0);
}

/** `blobs`: all whose names begin with {@link EPOCH_PREFIX}, in any order. */
export function createEpochSnapshot(blobs: readonly BlobMetadata[]): EpochSnapshot {
  const kinds = groupBlobs(blobs, ({ id }) => id.slice(0, UNCOMPACTED_PREFIX.length));
  const markers = kinds.get(EPOCH_MARKER_PREFIX) ?? [];
  const watermarks = kinds.get(WATERMARK_PREFIX) ?? [];
  const singleEpochs = kinds.get(SINGLE_EPOCH_PREFIX) ?? [];
  const ranges = kinds.get(RANGE_PREFIX) ?? [];
  return {
    writeEpoch: findWriteEpoch(markers),
    deletionWatermarkSeconds: findWatermark(watermarks),
    markers,
    watermarks,
    singleEpochSets: findSingleEpochSets(singleEpochs),
    rangeChain: findRangeChain(findRangeSets(ranges)),
    mergedBlobs: [...singleEpochs, ...ranges],
    uncompacted: groupBlobs(kinds.get(UNCOMPACTED_PREFIX) ?? [], ({ id }) => parseEpochNumber(id)),
  };
}

/** Nobody adds to an epoch that is two behind the write epoch. */
export function isSettled(snapshot: EpochSnapshot, epoch: number): boolean {
  return epoch <= snapshot.writeEpoch - 2;
}

/** When the write epoch began; undefined for the first one, which has no marker. */
export function writeEpochStart({
  writeEpoch,
  markers,
}: EpochSnapshot): EpochNanoseconds | undefined {
  return markers.find(({ id }) => parseEpochNumber(id) === writeEpoch)?.timestamp;
}

/** The last epoch that the chain of ranges covers; -1 if there is no chain. */
export function lastRangedEpoch(snapshot: EpochSnapshot): number {
  return snapshot.rangeChain.at(-1)?.last ?? -1;
}

/** Blobs known from the snapshot, and epochs whose `xn` blobs have to be listed to complete them. */
export interface IndexSelection {
  readonly blobs: readonly BlobMetadata[];
  readonly epochsToList: readonly number[];
}

/**
 * The index blobs that together hold everything. Kopia skips a range that covers epoch 0 alone; if more
 * ranges follow it, the epoch is taken from its own blobs here, so that none is left out.
 */
export function selectActive(snapshot: EpochSnapshot): IndexSelection {
  const blobs: BlobMetadata[] = [];
  const epochsToList: number[] = [];
  const add = (range: EpochRange): void => {
    const selection = selectEpochs(snapshot, range);
    blobs.push(...selection.blobs);
    epochsToList.push(...selection.epochsToList);
  };
  let start = 0;
  for (const range of snapshot.rangeChain) {
    if (range.last <= start) continue;
    add({ first: start, last: range.first - 1 });
    blobs.push(...range.blobs);
    start = range.last + 1;
  }
  add({ first: start, last: snapshot.writeEpoch + 1 });
  return { blobs, epochsToList };
}

/** The blobs that {@link selectActive} names, as far as the snapshot shows them. */
export function activeBlobs(snapshot: EpochSnapshot): readonly BlobMetadata[] {
  const { blobs, epochsToList } = selectActive(snapshot);
  return [...blobs, ...epochsToList.flatMap((epoch) => snapshot.uncompacted.get(epoch) ?? [])];
}

/** The blobs of some epochs, ranges left aside: the merged set of a settled one, else what was written in it. */
export function selectEpochs(snapshot: EpochSnapshot, range: EpochRange): IndexSelection {
  const blobs: BlobMetadata[] = [];
  const epochsToList: number[] = [];
  for (let epoch = range.first; epoch <= range.last; epoch++) {
    if (!isSettled(snapshot, epoch)) {
      blobs.push(...(snapshot.uncompacted.get(epoch) ?? []));
      continue;
    }
    const merged = snapshot.singleEpochSets.get(epoch);
    if (merged === undefined) epochsToList.push(epoch);
    else blobs.push(...merged);
  }
  return { blobs, epochsToList };
}

function findWatermark(watermarks: readonly BlobMetadata[]): number | undefined {
  let greatest: number | undefined;
  for (const { id } of watermarks) {
    const seconds = parseWatermark(id);
    if (seconds !== undefined && seconds >= (greatest ?? 0)) greatest = seconds;
  }
  return greatest;
}

function findSingleEpochSets(
  blobs: readonly BlobMetadata[],
): ReadonlyMap<number, readonly BlobMetadata[]> {
  const sets = new Map<number, readonly BlobMetadata[]>();
  for (const [epoch, candidates] of groupBlobs(blobs, ({ id }) => parseEpochNumber(id))) {
    const set = findCompleteSet(candidates);
    if (set !== undefined) sets.set(epoch, set);
  }
  return sets;
}

function findRangeSets(blobs: readonly BlobMetadata[]): readonly RangeSet[] {
  const groups = groupBlobs(blobs, ({ id }) => {
    const range = parseEpochRange(id);
    return range === undefined ? undefined : `${range.first}_${range.last}`;
  });
  const sets: RangeSet[] = [];
  for (const candidates of groups.values()) {
    const set = findCompleteSet(candidates);
    const range = set?.[0] === undefined ? undefined : parseEpochRange(set[0].id);
    if (set !== undefined && range !== undefined && range.last >= range.first) {
      sets.push({ ...range, blobs: set });
    }
  }
  return sets;
}

/**
 * Of all sequences of ranges that begin at epoch 0 and continue without gap or overlap, the one that
 * reaches furthest, with the fewest ranges. A lone range 0..0 is no chain, as in Kopia.
 */
export function findRangeChain(ranges: readonly RangeSet[]): readonly RangeSet[] {
  interface Step {
    readonly range: RangeSet;
    readonly length: number;
    readonly before: Step | undefined;
  }
  // A range leads to higher epochs only: taken in order of `first`, every chain that ends right before
  // it is known already.
  const shortestTo = new Map<number, Step>();
  let best: Step | undefined;
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = shortestTo.get(range.first - 1);
    if (range.first !== 0 && before === undefined) continue;
    const step: Step = { range, length: (before?.length ?? 0) + 1, before };
    const known = shortestTo.get(range.last);
    if (known === undefined || step.length < known.length) shortestTo.set(range.last, step);
    const reached = best?.range.last ?? 0;
    if (range.last > reached || (range.last === reached && step.length < (best?.length ?? 0))) {
      best = step;
    }
  }
  const chain: RangeSet[] = [];
  for (let step = best; step !== undefined; step = step.before) chain.unshift(step.range);
  return chain;
}

function groupBlobs<K>(
  blobs: readonly BlobMetadata[],
  keyOf: (blob: BlobMetadata) => K | undefined,
): ReadonlyMap<K, readonly BlobMetadata[]> {
  const groups = new Map<K, BlobMetadata[]>();
  for (const blob of blobs) {
    const key = keyOf(blob);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [blob]);
    else group.push(blob);
  }
  return groups;
}
