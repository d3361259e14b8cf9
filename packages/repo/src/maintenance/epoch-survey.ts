import type { BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { findGaps, type EpochGaps } from '../epoch/epoch-gaps.ts';
import { parseEpochNumber, SINGLE_EPOCH_PREFIX } from '../epoch/epoch-names.ts';
import { shouldAdvance } from '../epoch/epoch-plans.ts';
import {
  activeBlobs,
  createEpochSnapshot,
  isSettled,
  lastRangedEpoch,
  type EpochSnapshot,
} from '../epoch/epoch-snapshot.ts';
import { shortestEpochDuration } from '../format/epoch-parameters.ts';
import type { EpochParameters } from '../format/parameters.ts';

/** The state of index blobs in epochs, as their names tell it. */
export interface EpochSurvey extends EpochGaps {
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
  /** What the parameters ask of an epoch, and the least that they could. */
  readonly minEpochDuration: EpochNanoseconds;
  readonly shortestEpochDuration: EpochNanoseconds;
  /** Blobs of merged sets that lack a member, and when the youngest was written. */
  readonly incompleteSetBlobs: number;
  readonly youngestIncomplete: EpochNanoseconds | undefined;
}

/** `blobs`: all whose names begin with `x`. */
export function surveyEpochs(
  blobs: readonly BlobMetadata[],
  parameters: EpochParameters,
): EpochSurvey {
  const snapshot = createEpochSnapshot(blobs);
  const { markers, watermarks, uncompacted } = snapshot;
  const unmergedEpochs = settledWithoutSet(snapshot);
  const incomplete = findIncomplete(snapshot, blobs);
  return {
    writeEpoch: snapshot.writeEpoch,
    storedIndexBlobs: blobs.length - markers.length - watermarks.length,
    activeIndexBlobs: activeBlobs(snapshot).length,
    writeEpochBlobs: uncompacted.get(snapshot.writeEpoch)?.length ?? 0,
    mayAdvance: shouldAdvance(snapshot, parameters),
    unmergedEpochs: unmergedEpochs.filter((epoch) => uncompacted.has(epoch)),
    ...findGaps(snapshot),
    minEpochDuration: parameters.minEpochDuration,
    shortestEpochDuration: shortestEpochDuration(parameters),
    incompleteSetBlobs: incomplete.length,
    youngestIncomplete: incomplete.reduce<EpochNanoseconds | undefined>(
      (youngest, { timestamp }) => (timestamp > (youngest ?? 0n) ? timestamp : youngest),
      undefined,
    ),
  };
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
  blobs: readonly BlobMetadata[],
): readonly BlobMetadata[] {
  return blobs.filter(({ id }) => {
    if (!id.startsWith(SINGLE_EPOCH_PREFIX)) return false;
    const epoch = parseEpochNumber(id);
    return epoch !== undefined && !snapshot.singleEpochSets.has(epoch);
  });
}
