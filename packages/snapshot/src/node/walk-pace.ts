/** Milliseconds of waiting for each kilobyte of stored entries, about eight of them: ten times what a local disk takes. */
const SLOW_MILLISECONDS = 0.3;

/** Times for each kilobyte that the process gave its processor away: a thread that is only pushed aside does not. */
const SLOW_PAUSES = 0.5;

/** Kilobytes of stored entries before anything is concluded. */
const FIRST_KILOBYTES = 256;

/** Bytes of stored entries after which the next ones are measured: that takes as long as comparing some of them. */
const LENGTH_BETWEEN = 16 * 1024;

/**
 * Finds out whether a file system lets its callers wait, as one across a network does. Then it is worth the messages to
 * have several threads ask it at once; else one thread is done sooner alone, and with less work.
 */
export class WalkPace {
  #unmeasured = 0;
  #kilobytes = 0;
  #waited = 0;
  /** Since waiting became suspicious: counting pauses is dear. */
  #watchedKilobytes = 0;
  #pauses = 0;

  get isSlow(): boolean {
    return (
      this.#isSuspicious &&
      this.#watchedKilobytes >= FIRST_KILOBYTES &&
      this.#pauses > this.#watchedKilobytes * SLOW_PAUSES
    );
  }

  /** Runs synchronous work over `length` bytes of stored entries. */
  measure<T>(length: number, work: () => T): T {
    this.#unmeasured += length;
    if (this.#unmeasured < LENGTH_BETWEEN) return work();
    this.#unmeasured = 0;
    const isWatched = this.#isSuspicious;
    const pausesBefore = isWatched ? pauses() : 0;
    const startedAt = performance.now();
    const usedBefore = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(usedBefore);
    this.#waited += Math.max(0, performance.now() - startedAt - (user + system) / 1000);
    this.#kilobytes += length / 1024;
    if (isWatched) {
      this.#pauses += pauses() - pausesBefore;
      this.#watchedKilobytes += length / 1024;
    }
    return result;
  }

  get #isSuspicious(): boolean {
    return this.#kilobytes >= FIRST_KILOBYTES && this.#waited > this.#kilobytes * SLOW_MILLISECONDS;
  }
}

function pauses(): number {
  return process.resourceUsage().voluntaryContextSwitches;
}
