/**
 * Lets at most `limit` holders in at a time; 0 or less lets everybody in. Those who wait come in first in,
 * first out. One waiter is kept per waiting caller; the callers are bounded by whoever starts them.
 */
export class Semaphore {
  #limit: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A lower limit is reached as holders leave. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.#admit();
  }

  /** Runs `work` while holding a place. An abort while waiting throws the reason of the signal. */
  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#held--;
      this.#admit();
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#hasRoom() && this.#waiting.size === 0) {
      this.#held++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#waiting.delete(enter);
      reject(signal?.reason);
    };
    const enter = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    };
    this.#waiting.add(enter);
    signal?.addEventListener('abort', onAbort, { once: true });
    await promise;
  }

  #hasRoom(): boolean {
    return this.#limit <= 0 || this.#held < this.#limit;
  }

  #admit(): void {
    for (const enter of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(enter);
      this.#held++;
      enter();
    }
  }
}
