import { CorruptDataError } from '../errors.ts';
import { parseEpochs } from './epoch-names.ts';
import { isSettled, lastRangedEpoch, type EpochSnapshot } from './epoch-snapshot.ts';

/** What is missing without any doubt, because an epoch ends only when it has index blobs. */
export interface EpochGaps {
  /** Settled epochs that no index blob is left of: what was written in them cannot be found. */
  readonly lostEpochs: readonly number[];
  /** The epoch that must have begun by what index blobs are called, if no marker says so. */
  readonly lostMarker: number | undefined;
}

export function findGaps(snapshot: EpochSnapshot): EpochGaps {
  const lostEpochs: number[] = [];
  for (let epoch = lastRangedEpoch(snapshot) + 1; isSettled(snapshot, epoch); epoch++) {
    const isThere = snapshot.singleEpochSets.has(epoch) || snapshot.uncompacted.has(epoch);
    if (!isThere) lostEpochs.push(epoch);
  }
  const begun = [...snapshot.uncompacted.keys()];
  for (const { id } of snapshot.mergedBlobs) {
    const epochs = parseEpochs(id);
    if (epochs !== undefined) begun.push(epochs.last + 2);
  }
  const latest = begun.reduce((greatest, epoch) => Math.max(greatest, epoch), 0);
  // One more may have begun while the names were listed.
  const lostMarker = latest > snapshot.writeEpoch + 1 ? latest : undefined;
  return { lostEpochs, lostMarker };
}

/** What is said wherever epochs without index blobs are met. */
export function lostEpochsError(epochs: readonly number[]): CorruptDataError {
  const some = epochs.slice(0, 5).join(', ') + (epochs.length > 5 ? ', …' : '');
  return new CorruptDataError(
    `no index blob is left of epoch ${some}, although an epoch only ends when it has some: nothing is merged or deleted. ` +
      'If it stays so, "index recover --commit" indexes all packs again and closes the epoch',
  );
}
