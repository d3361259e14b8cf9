/** Milliseconds of waiting for each kilobyte of stored entries, about six of them: ten times what a local disk takes. */
const SLOW_MILLISECONDS = 0.3;

/** Kilobytes of stored entries before anything is concluded: a busy machine must not pass for a slow disk. */
const FIRST_KILOBYTES = 1024;

/**
 * Finds out whether a file system lets its callers wait, as one across a network does. Then it is worth the messages to
 * have several threads ask it at once; else one thread is done sooner alone, and with less work.
 */
export class WalkPace {
  #kilobytes = 0;
  #waited = 0;

  get isSlow(): boolean {
    return this.#kilobytes >= FIRST_KILOBYTES && this.#waited > this.#kilobytes * SLOW_MILLISECONDS;
  }

  /** Runs synchronous work over `length` bytes of stored entries. */
  measure<T>(length: number, work: () => T): T {
    const usedBefore = process.threadCpuUsage();
    const startedAt = performance.now();
    const result = work();
    const elapsed = performance.now() - startedAt;
    const { user, system } = process.threadCpuUsage(usedBefore);
    this.#kilobytes += length / 1024;
    this.#waited += Math.max(0, elapsed - (user + system) / 1000);
    return result;
  }
}
