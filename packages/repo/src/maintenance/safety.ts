import type { EpochNanoseconds } from '../clock.ts';
import { SETTLE_TIME } from '../content/indexblob/legacy-plans.ts';

const HOUR: EpochNanoseconds = 3_600_000_000_000n;

/** `none` is correct only while no other client uses the repository. */
export type SafetyLevel = 'full' | 'none';

/** Waiting times, in nanoseconds, that keep maintenance away from what other clients may still need. */
export interface SafetyParameters {
  /** A pack or session marker that nothing refers to may go at this age. */
  readonly packDeleteMinAge: EpochNanoseconds;
  /** A session whose newest marker is younger than this keeps its packs. */
  readonly sessionExpirationAge: EpochNanoseconds;
  /** A content that no snapshot needs is marked deleted at this age. */
  readonly minContentAgeSubjectToGC: EpochNanoseconds;
  readonly rewriteMinAge: EpochNanoseconds;
  /** Readers with an older index still read the packs that a rewrite emptied. */
  readonly minRewriteToOrphanDeletionDelay: EpochNanoseconds;
  /** Two runs of the garbage collection count as two only if this much lies between them. */
  readonly marginBetweenSnapshotGC: EpochNanoseconds;
  readonly dropContentFromIndexExtraMargin: EpochNanoseconds;
  /** A deleted content leaves the index only after a later run had the chance to bring it back. */
  readonly requireTwoGCCycles: boolean;
  /** Legacy index blobs that were merged stay this long. */
  readonly indexSettleTime: EpochNanoseconds;
}

/** Kopia's values. Source: docs/maintenance.md. */
export const SAFETY_PARAMETERS: Readonly<Record<SafetyLevel, SafetyParameters>> = {
  full: {
    packDeleteMinAge: 24n * HOUR,
    sessionExpirationAge: 96n * HOUR,
    minContentAgeSubjectToGC: 24n * HOUR,
    rewriteMinAge: 2n * HOUR,
    minRewriteToOrphanDeletionDelay: HOUR,
    marginBetweenSnapshotGC: 4n * HOUR,
    dropContentFromIndexExtraMargin: HOUR,
    requireTwoGCCycles: true,
    indexSettleTime: SETTLE_TIME,
  },
  none: {
    packDeleteMinAge: 0n,
    sessionExpirationAge: 0n,
    minContentAgeSubjectToGC: 0n,
    rewriteMinAge: 0n,
    minRewriteToOrphanDeletionDelay: 0n,
    marginBetweenSnapshotGC: 0n,
    dropContentFromIndexExtraMargin: 0n,
    requireTwoGCCycles: false,
    indexSettleTime: 0n,
  },
};
