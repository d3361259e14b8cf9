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
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= options.parallelism) await Promise.race(running);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (firstError !== undefined) throw firstError.error;
  options.signal?.throwIfAborted();
}

/**
 * A counted budget: `acquire` waits, first come first served, until the amount is free. An amount above
 * the whole budget is granted when everything else is back, so that one large item still gets through.
 */
export class Budget {
  readonly #total: number;
  #free: number;
  readonly #waiting: { readonly amount: number; readonly grant: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Resolves to the function that gives the amount back; calling it again has no effect. */
  async acquire(amount: number, options: AbortOptions = {}): Promise<() => void> {
    options.signal?.throwIfAborted();
    const granted = Math.min(amount, this.#total);
    if (this.#waiting.length === 0 && this.#free >= granted) {
      this.#free -= granted;
    } else {
      await this.#wait(granted, options.signal);
    }
    return this.#giveBack(granted);
  }

  /** Undefined if the amount is not free at once, or if others wait for it. */
  tryAcquire(amount: number): (() => void) | undefined {
    if (this.#waiting.length > 0 || this.#free < amount) return undefined;
    this.#free -= amount;
    return this.#giveBack(amount);
  }

  #giveBack(amount: number): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#free += amount;
      this.#serve();
    };
  }

  #wait(amount: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = {
        amount,
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
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
      if (next.amount > this.#free) return;
      this.#free -= next.amount;
      this.#waiting.shift();
      next.grant();
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
    const item = this.#idle.pop() ?? this.#create();
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
}
