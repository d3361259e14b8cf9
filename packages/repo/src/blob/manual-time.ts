import type { Clock, EpochNanoseconds, Sleep } from '../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';

/** Time that passes only when somebody sleeps or says so. For tests and simulations. */
export interface ManualTime {
  readonly clock: Clock;
  /** Moves time forward by the whole sleep and resolves at once; obeys its signal. */
  readonly sleep: Sleep;
  /** Every sleep so far, in milliseconds. */
  readonly sleeps: readonly number[];
  advance(nanoseconds: bigint): void;
}

/** A clock that starts at `start` (default 2024-01-01T00:00:00Z) and goes one microsecond further at each look. */
export function createManualTime(start: EpochNanoseconds = 1_704_067_200_000_000_000n): ManualTime {
  let now = start;
  const sleeps: number[] = [];
  return {
    sleeps,
    clock: () => (now += 1_000n),
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      sleeps.push(milliseconds);
      now += BigInt(Math.round((milliseconds / 1000) * Number(NANOSECONDS_PER_SECOND)));
    },
    advance(nanoseconds) {
      now += nanoseconds;
    },
  };
}
