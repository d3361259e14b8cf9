import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import {
  EPOCH_MARKER_PREFIX,
  parseEpochNumber,
  RANGE_PREFIX,
  SINGLE_EPOCH_PREFIX,
  UNCOMPACTED_PREFIX,
  WATERMARK_PREFIX,
} from '../epoch/epoch-names.ts';
import { shouldAdvance } from '../epoch/epoch-plans.ts';
import {
  createEpochSnapshot,
  findWriteEpoch,
  isSettled,
  lastRangedEpoch,
  openEpochs,
  selectActive,
  type EpochSnapshot,
} from '../epoch/epoch-snapshot.ts';
import type { EpochParameters } from '../format/parameters.ts';

/** The state of index blobs in epochs, as their names tell it. */
export interface EpochSurvey {
  readonly writeEpoch: number;
  /** Index blobs in the storage, those that no longer count included. */
  readonly storedIndexBlobs: number;
  /** Index blobs that a client reads on opening. */
  readonly activeIndexBlobs: number;
  /** Blobs in the write epoch. */
  readonly writeEpochBlobs: number;
  /** The write epoch is old and full enough for the next to begin. */
  readonly mayAdvance: boolean;
  /** Settled epochs behind the ranges that nobody merged yet. */
  readonly unmergedEpochs: readonly number[];
  /** Settled epochs that no index blob is left of: what was written in them cannot be found. */
  readonly lostEpochs: readonly number[];
  /** Blobs of merged sets that lack a member, and when the youngest was written. */
  readonly incompleteSetBlobs: number;
  readonly youngestIncomplete: EpochNanoseconds | undefined;
}

/** `blobs`: all whose names begin with `x`. */
export function surveyEpochs(
  blobs: readonly BlobMetadata[],
  parameters: EpochParameters,
): EpochSurvey {
  const under = (prefix: string): BlobMetadata[] => blobs.filter(({ id }) => id.startsWith(prefix));
  const uncompacted = groupByEpoch(under(UNCOMPACTED_PREFIX));
  const singleEpochs = under(SINGLE_EPOCH_PREFIX);
  const ranges = under(RANGE_PREFIX);
  const markers = under(EPOCH_MARKER_PREFIX);
  const open = new Map(
    openEpochs(findWriteEpoch(markers)).map((epoch) => [epoch, uncompacted.get(epoch) ?? []]),
  );
  const watermarks = under(WATERMARK_PREFIX);
  const snapshot = createEpochSnapshot({ markers, watermarks, singleEpochs, ranges }, open);
  const active = selectActive(snapshot);
  const listed = active.epochsToList.flatMap((epoch) => uncompacted.get(epoch) ?? []);
  const unmergedEpochs = settledWithoutSet(snapshot);
  const incomplete = findIncomplete(snapshot, singleEpochs);
  return {
    writeEpoch: snapshot.writeEpoch,
    storedIndexBlobs: blobs.length - markers.length - watermarks.length,
    activeIndexBlobs: active.blobs.length + listed.length,
    writeEpochBlobs: open.get(snapshot.writeEpoch)?.length ?? 0,
    mayAdvance: shouldAdvance(snapshot, parameters),
    unmergedEpochs: unmergedEpochs.filter((epoch) => uncompacted.has(epoch)),
    lostEpochs: unmergedEpochs.filter((epoch) => !uncompacted.has(epoch)),
    incompleteSetBlobs: incomplete.length,
    youngestIncomplete: incomplete.reduce<EpochNanoseconds | undefined>(
      (youngest, { timestamp }) => (timestamp > (youngest ?? 0n) ? timestamp : youngest),
      undefined,
    ),
  };
}

function groupByEpoch(blobs: readonly BlobMetadata[]): ReadonlyMap<number, BlobMetadata[]> {
  const groups = new Map<number, BlobMetadata[]>();
  for (const blob of blobs) {
    const epoch = parseEpochNumber(blob.id);
    if (epoch === undefined) continue;
    const group = groups.get(epoch);
    if (group === undefined) groups.set(epoch, [blob]);
    else group.push(blob);
  }
  return groups;
}

function settledWithoutSet(snapshot: EpochSnapshot): readonly number[] {
  const epochs: number[] = [];
  for (let epoch = lastRangedEpoch(snapshot) + 1; isSettled(snapshot, epoch); epoch++) {
    if (!snapshot.singleEpochSets.has(epoch)) epochs.push(epoch);
  }
  return epochs;
}

/** Blobs of single-epoch sets of epochs for which no complete set was found. */
function findIncomplete(
  snapshot: EpochSnapshot,
  singleEpochs: readonly BlobMetadata[],
): readonly BlobMetadata[] {
  return singleEpochs.filter(({ id }) => {
    const epoch = parseEpochNumber(id);
    return epoch !== undefined && !snapshot.singleEpochSets.has(epoch);
  });
}
