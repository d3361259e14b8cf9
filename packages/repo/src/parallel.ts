import type { AbortOptions } from './blob/storage.ts';

export interface ForEachLimitOptions extends AbortOptions {
  /** Calls of `work` at once, at least 1. */
  readonly parallelism: number;
}

/**
 * Runs `work` on each item with bounded parallelism, taking items only as they are needed. The first
 * failure aborts the others through their signal; all are awaited before it is thrown.
 */
export async function forEachLimit<T>(
  items: Iterable<T> | AsyncIterable<T>,
  options: ForEachLimitOptions,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const signal =
    options.signal === undefined
      ? failure.signal
      : AbortSignal.any([options.signal, failure.signal]);
  const running = new Set<Promise<void>>();
  let onDone: (() => void) | undefined;
  let firstError: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    firstError ??= { error };
    failure.abort(error);
  };
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      const task: Promise<void> = work(item, signal)
        .catch(fail)
        .finally(() => {
          running.delete(task);
          onDone?.();
        });
      running.add(task);
      if (running.size < options.parallelism) continue;
      // Not a race: each would leave a reaction behind on the slowest of many tasks.
      await new Promise<void>((resolve) => {
        onDone = resolve;
      });
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (firstError !== undefined) throw firstError.error;
  options.signal?.throwIfAborted();
}

interface Waiter {
  readonly amount: number;
  readonly grant: (granted: number) => void;
}

/**
 * A counted budget: `acquire` waits, first come first served, until the amount is free. An amount above
 * the whole budget is granted when everything else is back, so that one large item still gets through.
 */
export class Budget {
  #total: number;
  #held = 0;
  readonly #waiting: Waiter[] = [];

  /** `Infinity`: nobody waits. */
  constructor(total: number) {
    this.#total = total;
  }

  /** A smaller total is reached as holders give back. */
  setTotal(total: number): void {
    this.#total = total;
    this.#serve();
  }

  /** Resolves to the function that gives the amount back; calling it again has no effect. */
  async acquire(amount: number, options: AbortOptions = {}): Promise<() => void> {
    options.signal?.throwIfAborted();
    const granted = this.#grantable(amount);
    if (this.#waiting.length > 0 || granted > this.#free) {
      return this.#giveBack(await this.#wait(amount, options.signal));
    }
    this.#held += granted;
    return this.#giveBack(granted);
  }

  /** Undefined if the amount is not free at once, or if others wait for it. */
  tryAcquire(amount: number): (() => void) | undefined {
    if (this.#waiting.length > 0 || this.#free < amount) return undefined;
    this.#held += amount;
    return this.#giveBack(amount);
  }

  get #free(): number {
    return this.#total - this.#held;
  }

  #grantable(amount: number): number {
    return Math.min(amount, this.#total);
  }

  #giveBack(amount: number): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#held -= amount;
      this.#serve();
    };
  }

  /** Resolves to the amount that was granted. */
  #wait(amount: number, signal: AbortSignal | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        amount,
        grant: (granted) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(granted);
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
        this.#serve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const granted = this.#grantable(next.amount);
      if (granted > this.#free) return;
      this.#held += granted;
      this.#waiting.shift();
      next.grant(granted);
    }
  }
}

/** Something out of a {@link Pool}; `release` gives it back, and has no effect the second time. */
export interface PooledItem<T> {
  readonly item: T;
  readonly release: () => void;
}

/** A bounded number of reusable things, made when first needed. `acquire` waits for a free one. */
export class Pool<T> {
  readonly #permits: Budget;
  readonly #idle: T[] = [];
  readonly #create: () => T;

  constructor(limit: number, create: () => T) {
    this.#permits = new Budget(limit);
    this.#create = create;
  }

  async acquire(options: AbortOptions = {}): Promise<PooledItem<T>> {
    const giveBack = await this.#permits.acquire(1, options);
    const item = this.#takeOrCreate(giveBack);
    let held = true;
    return {
      item,
      release: () => {
        if (!held) return;
        held = false;
        this.#idle.push(item);
        giveBack();
      },
    };
  }

  /** What cannot be made, for want of memory say, does not take a place. */
  #takeOrCreate(giveBack: () => void): T {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    try {
      return this.#create();
    } catch (error) {
      giveBack();
      throw error;
    }
  }
}

/**
 * Runs all of `work`: beside the caller as far as `places` are free, else one at a time by the caller, who may hold a
 * place himself. Nothing more is begun after a failure; what was begun has ended when the first failure is thrown.
 */
export async function runBeside(
  places: Budget,
  work: Iterable<() => Promise<void>>,
): Promise<void> {
  const running: Promise<void>[] = [];
  let failure: { readonly error: unknown } | undefined;
  const attempt = async (begin: () => Promise<void>): Promise<void> => {
    try {
      await begin();
    } catch (error) {
      failure ??= { error };
    }
  };
  for (const begin of work) {
    if (failure !== undefined) break;
    const release = places.tryAcquire(1);
    if (release === undefined) await attempt(begin);
    else running.push(attempt(begin).finally(release));
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}
