import type { Clock, Sleep } from '../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';

export interface TokenBucketOptions {
  /** Tokens that come in each second; 0 or less: no limit. */
  readonly ratePerSecond: number;
  /** A rested bucket holds what comes in during so many seconds. */
  readonly burstSeconds: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/**
 * Limits a rate. Taking never splits: whoever takes more than there is puts the bucket into debt and waits
 * until it is paid, so that even one request larger than the bucket passes at the right average rate.
 */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #ratePerSecond: number;
  #tokens: number;
  #filledAt: bigint;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#ratePerSecond = options.ratePerSecond;
    this.#tokens = this.#capacity();
    this.#filledAt = options.clock();
  }

  /** Takes effect for those who come next. A debt stays, paid at the new rate. */
  setRate(ratePerSecond: number): void {
    this.#fill();
    const wasUnlimited = this.#ratePerSecond <= 0;
    this.#ratePerSecond = ratePerSecond;
    this.#tokens = wasUnlimited ? this.#capacity() : Math.min(this.#tokens, this.#capacity());
  }

  /** Resolves when `count` tokens are paid for. An abort gives them back and throws the reason of the signal. */
  async take(count: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#ratePerSecond <= 0 || count <= 0) return;
    this.#fill();
    this.#tokens -= count;
    if (this.#tokens >= 0) return;
    try {
      await this.#options.sleep((-this.#tokens / this.#ratePerSecond) * 1000, signal);
    } catch (error) {
      this.#tokens = Math.min(this.#tokens + count, this.#capacity());
      throw error;
    }
  }

  #fill(): void {
    const now = this.#options.clock();
    const seconds = Number(now - this.#filledAt) / Number(NANOSECONDS_PER_SECOND);
    this.#filledAt = now;
    if (seconds <= 0) return;
    this.#tokens = Math.min(this.#tokens + seconds * this.#ratePerSecond, this.#capacity());
  }

  #capacity(): number {
    return Math.max(0, this.#ratePerSecond * this.#options.burstSeconds);
  }
}
