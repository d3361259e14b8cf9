/** Milliseconds of waiting for each kilobyte of stored entries, about eight of them: ten times what a local disk takes. */
const SLOW_MILLISECONDS = 0.3;

/** Times for each kilobyte that the process gave its processor away: a thread that is only pushed aside does not. */
const SLOW_PAUSES = 0.5;

/** Kilobytes of stored entries before anything is concluded. */
const FIRST_KILOBYTES = 2048;

/**
 * Finds out whether a file system lets its callers wait, as one across a network does. Then it is worth the messages to
 * have several threads ask it at once; else one thread is done sooner alone, and with less work.
 */
export class WalkPace {
  #kilobytes = 0;
  #waited = 0;
  #pauses = 0;

  get isSlow(): boolean {
    return (
      this.#kilobytes >= FIRST_KILOBYTES &&
      this.#waited > this.#kilobytes * SLOW_MILLISECONDS &&
      this.#pauses > this.#kilobytes * SLOW_PAUSES
    );
  }

  /** Runs synchronous work over `length` bytes of stored entries. */
  measure<T>(length: number, work: () => T): T {
    const startedAt = performance.now();
    const usedBefore = process.threadCpuUsage();
    const pausesBefore = process.resourceUsage().voluntaryContextSwitches;
    const result = work();
    const elapsed = performance.now() - startedAt;
    const { user, system } = process.threadCpuUsage(usedBefore);
    this.#kilobytes += length / 1024;
    this.#waited += Math.max(0, elapsed - (user + system) / 1000);
    this.#pauses += process.resourceUsage().voluntaryContextSwitches - pausesBefore;
    return result;
  }
}
