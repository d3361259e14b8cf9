import { bytesLength } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { errorCode } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { decorateStorage, STORAGE_OPERATIONS } from './decorate-storage.ts';
import type { StorageOperation } from './decorate-storage.ts';
import type { BlobMetadata, BlobStorage } from './storage.ts';

/** One finished call of a storage. */
export interface StorageEvent {
  readonly operation: StorageOperation;
  /** Blob ID, or prefix of a listing. */
  readonly target: string;
  /** Bytes read or written; 0 for a failed call. */
  readonly bytes: number;
  /** Blobs listed; 1 for any other call. */
  readonly blobs: number;
  /** For a listing this includes the time its reader took. */
  readonly durationNanoseconds: bigint;
  readonly outcome: 'succeeded' | 'failed' | 'aborted';
  readonly errorCode: ErrorCode | undefined;
}

export interface ObservedStorageOptions {
  readonly clock: Clock;
  /** Called synchronously after each call, never awaited; must not throw. */
  readonly onEvent: (event: StorageEvent) => void;
}

/** Reports every call of `inner`. Above a retrying storage it sees calls, below it sees attempts. */
export function createObservedStorage(
  inner: BlobStorage,
  { clock, onEvent }: ObservedStorageOptions,
): BlobStorage {
  function start(operation: StorageOperation, target: string, signal: AbortSignal | undefined) {
    const startedAt = clock();
    const finish = (fields: Pick<StorageEvent, 'bytes' | 'blobs' | 'outcome' | 'errorCode'>) =>
      onEvent({ operation, target, durationNanoseconds: clock() - startedAt, ...fields });
    return {
      succeeded: (bytes: number, blobs: number) =>
        finish({ bytes, blobs, outcome: 'succeeded', errorCode: undefined }),
      failed: (error: unknown, blobs: number) =>
        finish({
          bytes: 0,
          blobs,
          outcome: signal?.aborted ? 'aborted' : 'failed',
          errorCode: errorCode(error),
        }),
    };
  }

  async function around<T>(
    call: readonly [StorageOperation, string, AbortSignal | undefined],
    run: () => Promise<T>,
    bytesOf: (result: T) => number = () => 0,
  ): Promise<T> {
    const observation = start(...call);
    let result: T;
    try {
      result = await run();
    } catch (error) {
      observation.failed(error, 1);
      throw error;
    }
    observation.succeeded(bytesOf(result), 1);
    return result;
  }

  async function* list(
    prefix: string,
    options: Parameters<BlobStorage['listBlobs']>[1] = {},
  ): AsyncGenerator<BlobMetadata, void, void> {
    const observation = start('list', prefix, options.signal);
    let blobs = 0;
    let failed = false;
    try {
      for await (const blob of inner.listBlobs(prefix, options)) {
        blobs++;
        yield blob;
      }
    } catch (error) {
      failed = true;
      observation.failed(error, blobs);
      throw error;
    } finally {
      if (!failed) observation.succeeded(0, blobs);
    }
  }

  return decorateStorage(inner, {
    getBlob: (id, options) =>
      around(
        ['get', id, options?.signal],
        () => inner.getBlob(id, options),
        (bytes) => bytes.length,
      ),
    getMetadata: (id, options) =>
      around(['metadata', id, options?.signal], () => inner.getMetadata(id, options)),
    listBlobs: list,
    putBlob: (id, data, options) =>
      around(
        ['put', id, options?.signal],
        () => inner.putBlob(id, data, options),
        () => bytesLength(data),
      ),
    deleteBlob: (id, options) =>
      around(['delete', id, options?.signal], () => inner.deleteBlob(id, options)),
    extendRetention: (extend, id, retention, options) =>
      around(['extendRetention', id, options?.signal], () => extend(id, retention, options)),
  });
}

/** Running totals of one operation. */
export interface OperationCounters {
  calls: number;
  failures: number;
  /** Calls stopped by their signal; not failures. */
  aborts: number;
  bytes: number;
  blobs: number;
  durationNanoseconds: bigint;
  longestNanoseconds: bigint;
}

export type StorageCounters = Readonly<Record<StorageOperation, OperationCounters>>;

/** Counters at zero and the `onEvent` that keeps them. */
export function createStorageCounters(): {
  readonly counters: StorageCounters;
  readonly onEvent: (event: StorageEvent) => void;
} {
  const counters = Object.fromEntries(
    STORAGE_OPERATIONS.map((operation) => [operation, zeroCounters()]),
  ) as Record<StorageOperation, OperationCounters>;
  return {
    counters,
    onEvent(event) {
      const totals = counters[event.operation];
      totals.calls++;
      if (event.outcome === 'failed') totals.failures++;
      if (event.outcome === 'aborted') totals.aborts++;
      totals.bytes += event.bytes;
      totals.blobs += event.blobs;
      totals.durationNanoseconds += event.durationNanoseconds;
      if (event.durationNanoseconds > totals.longestNanoseconds) {
        totals.longestNanoseconds = event.durationNanoseconds;
      }
    },
  };
}

function zeroCounters(): OperationCounters {
  return {
    calls: 0,
    failures: 0,
    aborts: 0,
    bytes: 0,
    blobs: 0,
    durationNanoseconds: 0n,
    longestNanoseconds: 0n,
  };
}
