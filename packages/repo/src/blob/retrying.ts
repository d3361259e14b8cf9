import { bytesParts, concatBytes, equalBytes } from '../bytes.ts';
import type { Bytes } from '../bytes.ts';
import type { Clock, Sleep } from '../clock.ts';
import { NANOSECONDS_PER_MILLISECOND } from '../clock.ts';
import { errorCode, hasCode, LongshoreError } from '../errors.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { decorateStorage } from './decorate-storage.ts';
import type { StorageOperation } from './decorate-storage.ts';
import type { RandomNumber } from './seeded-random.ts';
import {
  abortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
  type PutBlobOptions,
} from './storage.ts';

/** How often and how long to try again. Whichever limit is reached first ends it. */
export interface RetryPolicy {
  /** Including the first. */
  readonly maxAttempts: number;
  /** No further attempt starts so long after the call began. */
  readonly maxTotalMilliseconds: number;
  readonly initialDelayMilliseconds: number;
  readonly maxDelayMilliseconds: number;
  /** Each delay is the one before times this. */
  readonly delayFactor: number;
  /** Delays after STORAGE_THROTTLED are so many times longer. */
  readonly throttledDelayFactor: number;
}

/** About nine minutes at most for a call: an upload outlives a restart of the storage. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 12,
  maxTotalMilliseconds: 540_000,
  initialDelayMilliseconds: 200,
  maxDelayMilliseconds: 30_000,
  delayFactor: 2,
  throttledDelayFactor: 4,
};

/** A listing that starts again skips what it has shown; one that has shown more than this many blobs is not started again. */
const MAX_RESUMABLE_LISTING = 1_000_000;

export interface RetryEvent {
  readonly operation: StorageOperation;
  readonly target: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly delayMilliseconds: number;
  readonly error: unknown;
}

export interface RetryingStorageOptions {
  readonly sleep: Sleep;
  readonly clock: Clock;
  /** Spreads the delays over half their length, so that many clients do not come back at once. */
  readonly random: RandomNumber;
  readonly policy?: Partial<RetryPolicy>;
  /** Called synchronously before each delay; must not throw. */
  readonly onRetry?: (event: RetryEvent) => void;
}

/**
 * Repeats calls that failed with a `retryable` error, and has fewer under way at once while the storage answers
 * STORAGE_THROTTLED. Every other error, and an abort, passes at once. When
 * the attempts are used up the last error is thrown unchanged.
 */
export function createRetryingStorage(
  inner: BlobStorage,
  options: RetryingStorageOptions,
): BlobStorage {
  const retrying = new Retrying(options);

  async function putIfAbsent(id: BlobID, data: Bytes, put: PutBlobOptions): Promise<void> {
    let uncertain = false;
    try {
      await retrying.call('put', id, put.signal, async () => {
        try {
          await inner.putBlob(id, data, put);
        } catch (error) {
          if (isRetryable(error)) uncertain = true;
          throw error;
        }
      });
    } catch (error) {
      if (!uncertain || !hasCode(error, 'ALREADY_EXISTS')) throw error;
      // A failed attempt may have stored the blob after all: then it is ours, and nobody else's.
      const stored = await retrying.call('get', id, put.signal, () =>
        inner.getBlob(id, abortOptions(put)),
      );
      if (!equalBytes(stored, concatBytes(bytesParts(data)))) throw error;
    }
  }

  return decorateStorage(inner, {
    getBlob: (id, get) => retrying.call('get', id, get?.signal, () => inner.getBlob(id, get)),
    getMetadata: (id, get) =>
      retrying.call('metadata', id, get?.signal, () => inner.getMetadata(id, get)),
    listBlobs: (prefix, list = {}) =>
      retrying.list(prefix, list.signal, () => inner.listBlobs(prefix, list)),
    putBlob: (id, data, put = {}) =>
      put.ifAbsent
        ? putIfAbsent(id, data, put)
        : retrying.call('put', id, put.signal, () => inner.putBlob(id, data, put)),
    deleteBlob: (id, remove) =>
      retrying.call('delete', id, remove?.signal, () => inner.deleteBlob(id, remove)),
    extendRetention: (extend, id, retention, extension) =>
      retrying.call('extendRetention', id, extension?.signal, () =>
        extend(id, retention, extension),
      ),
  });
}

/** The loop around an operation, and the delays between its attempts. */
class Retrying {
  readonly #options: RetryingStorageOptions;
  readonly #policy: RetryPolicy;
  /** Of everything but listings, which go one page after the other. */
  readonly #limit: AdaptiveLimit = new AdaptiveLimit();

  constructor(options: RetryingStorageOptions) {
    this.#options = options;
    this.#policy = { ...DEFAULT_RETRY_POLICY, ...options.policy };
    if (!(this.#policy.maxAttempts >= 1)) {
      throw new LongshoreError('INVALID_ARGUMENT', 'a call needs at least one attempt');
    }
  }

  async call<T>(
    operation: StorageOperation,
    target: string,
    signal: AbortSignal | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    let startedAt: bigint | undefined;
    for (let attempt = 1; ; attempt++) {
      const limited = await this.#limit.enter(abortOptions({ signal }));
      startedAt ??= this.#options.clock();
      let failure: { readonly error: unknown };
      try {
        const result = await run();
        limited.succeeded();
        return result;
      } catch (error) {
        if (hasCode(error, 'STORAGE_THROTTLED')) limited.throttled();
        failure = { error };
      } finally {
        limited.leave();
      }
      const { error } = failure;
      await this.#pause({ operation, target, attempt, startedAt, error, signal });
    }
  }

  /** Starts the listing again after a failure, without showing any blob twice. Each success earns new attempts. */
  async *list(
    prefix: string,
    signal: AbortSignal | undefined,
    run: () => AsyncIterable<BlobMetadata>,
  ): AsyncGenerator<BlobMetadata, void, void> {
    const shown = new Set<BlobID>();
    let complete = true;
    let startedAt = this.#options.clock();
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      // Only what the storage throws is tried again, never what the reader throws at the `yield`.
      const blobs = run()[Symbol.asyncIterator]();
      let failure: { readonly error: unknown } | undefined;
      try {
        for (;;) {
          let next: IteratorResult<BlobMetadata>;
          try {
            next = await blobs.next();
          } catch (error) {
            failure = { error };
            break;
          }
          if (next.done) return;
          if (shown.has(next.value.id)) continue;
          if (shown.size < MAX_RESUMABLE_LISTING) shown.add(next.value.id);
          else complete = false;
          attempt = 1;
          startedAt = this.#options.clock();
          yield next.value;
        }
      } finally {
        if (!failure) await blobs.return?.();
      }
      const { error } = failure;
      if (!complete) throw error;
      await this.#pause({ operation: 'list', target: prefix, attempt, startedAt, error, signal });
    }
  }

  /** Waits before the next attempt, or throws the error if there shall be none. */
  async #pause(failed: {
    readonly operation: StorageOperation;
    readonly target: string;
    readonly attempt: number;
    readonly startedAt: bigint;
    readonly error: unknown;
    readonly signal: AbortSignal | undefined;
  }): Promise<void> {
    const { operation, target, attempt, startedAt, error, signal } = failed;
    const { clock, sleep, onRetry } = this.#options;
    signal?.throwIfAborted();
    if (!isRetryable(error) || attempt >= this.#policy.maxAttempts) throw error;
    const delayMilliseconds = this.#delay(attempt, error);
    const elapsed = Number((clock() - startedAt) / NANOSECONDS_PER_MILLISECOND);
    if (elapsed + delayMilliseconds > this.#policy.maxTotalMilliseconds) throw error;
    onRetry?.({ operation, target, attempt, delayMilliseconds, error });
    await sleep(delayMilliseconds, signal);
  }

  #delay(attempt: number, error: unknown): number {
    const policy = this.#policy;
    const slower = errorCode(error) === 'STORAGE_THROTTLED' ? policy.throttledDelayFactor : 1;
    const full = Math.min(
      policy.maxDelayMilliseconds,
      policy.initialDelayMilliseconds * slower * policy.delayFactor ** (attempt - 1),
    );
    return full * (0.5 + 0.5 * this.#options.random());
  }
}

function isRetryable(error: unknown): boolean {
  return errorCode(error) !== undefined && (error as LongshoreError).retryable;
}
