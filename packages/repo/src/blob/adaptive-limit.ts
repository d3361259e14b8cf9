import { Budget } from '../parallel.ts';
import type { AbortOptions } from './storage.ts';

/** Calls that must succeed before one more is let through. */
const SUCCESSES_PER_STEP = 8;

/** A call that the limit let through. Ends with `leave`, once, after what it said of the storage. */
export interface LimitedCall {
  succeeded(): void;
  /** The storage said that it is asked for too much. */
  throttled(): void;
  leave(): void;
}

/**
 * How many calls a storage is asked for at once: as many as there are until it says that it is too much, then half of
 * those, and one more after each run of successes, as TCP does with its window.
 */
export class AdaptiveLimit {
  readonly #permits: Budget = new Budget(Infinity);
  #limit = Infinity;
  #running = 0;
  #successes = 0;
  #reductions = 0;

  /** Calls that may run at once. */
  get current(): number {
    return this.#limit;
  }

  /** Resolves when the call may begin. */
  async enter(options: AbortOptions): Promise<LimitedCall> {
    const giveBack = await this.#permits.acquire(1, options);
    this.#running += 1;
    const reductions = this.#reductions;
    return {
      succeeded: () => {
        if (this.#limit === Infinity) return;
        this.#successes += 1;
        if (this.#successes >= SUCCESSES_PER_STEP) this.#setLimit(this.#limit + 1);
      },
      throttled: () => {
        // What was under way when the limit fell says nothing about the new one.
        if (reductions !== this.#reductions) return;
        this.#reductions += 1;
        this.#setLimit(Math.max(1, Math.floor(this.#running / 2)));
      },
      leave: () => {
        this.#running -= 1;
        giveBack();
      },
    };
  }

  #setLimit(limit: number): void {
    this.#limit = limit;
    this.#successes = 0;
    this.#permits.setTotal(limit);
  }
}
