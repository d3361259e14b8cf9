import { bytesLength } from '../bytes.ts';
import type { Clock, Sleep } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import { Budget } from '../parallel.ts';
import { checkByteRange } from './byte-range.ts';
import { decorateStorage } from './decorate-storage.ts';
import { TokenBucket } from './token-bucket.ts';
import { abortOptions, type BlobMetadata, type BlobStorage } from './storage.ts';

/** Limits under the names that Kopia's connection settings give them. Absent or 0: no limit. */
export interface ThrottlingLimits {
  /** Gets and metadata requests. */
  readonly readsPerSecond?: number;
  /** Puts, deletes and extensions of locks. */
  readonly writesPerSecond?: number;
  readonly listsPerSecond?: number;
  readonly maxUploadSpeedBytesPerSecond?: number;
  readonly maxDownloadSpeedBytesPerSecond?: number;
  readonly concurrentReads?: number;
  readonly concurrentWrites?: number;
}

export interface ThrottlingOptions {
  readonly limits: ThrottlingLimits;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** A storage whose limits may change while it works. */
export interface ThrottledStorage extends BlobStorage {
  readonly limits: ThrottlingLimits;
  /** Replaces all limits. Takes effect for the calls that follow; INVALID_ARGUMENT changes nothing. */
  setLimits(limits: ThrottlingLimits): void;
}

/** After a rest so many seconds' worth of requests or bytes may pass at once. */
const BURST_SECONDS = 1;

/**
 * Keeps requests and bytes below limits. A ranged read pays for its bytes before it starts, a whole blob, whose
 * length is not known, after it came: there its reader waits for the debt.
 */
export function createThrottledStorage(
  inner: BlobStorage,
  { limits, clock, sleep }: ThrottlingOptions,
): ThrottledStorage {
  const bucket = (): TokenBucket =>
    new TokenBucket({ ratePerSecond: 0, burstSeconds: BURST_SECONDS, clock, sleep });
  const reads = bucket();
  const writes = bucket();
  const lists = bucket();
  const upload = bucket();
  const download = bucket();
  const concurrentReads = new Budget(Infinity);
  const concurrentWrites = new Budget(Infinity);
  let current: ThrottlingLimits = {};

  function setLimits(next: ThrottlingLimits): void {
    checkLimits(next);
    current = { ...next };
    reads.setRate(next.readsPerSecond ?? 0);
    writes.setRate(next.writesPerSecond ?? 0);
    lists.setRate(next.listsPerSecond ?? 0);
    upload.setRate(next.maxUploadSpeedBytesPerSecond ?? 0);
    download.setRate(next.maxDownloadSpeedBytesPerSecond ?? 0);
    concurrentReads.setTotal(next.concurrentReads || Infinity);
    concurrentWrites.setTotal(next.concurrentWrites || Infinity);
  }
  setLimits(limits);

  async function read<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    await reads.take(1, signal);
    return holding(concurrentReads, signal, run);
  }

  async function write<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    await writes.take(1, signal);
    return holding(concurrentWrites, signal, run);
  }

  async function* list(
    prefix: string,
    options: Parameters<BlobStorage['listBlobs']>[1] = {},
  ): AsyncGenerator<BlobMetadata, void, void> {
    await lists.take(1, options.signal);
    yield* inner.listBlobs(prefix, options);
  }

  const storage = decorateStorage(inner, {
    async getBlob(id, options = {}) {
      const { range, signal } = options;
      if (range) checkByteRange(id, range);
      return read(signal, async () => {
        if (range) await download.take(range.length, signal);
        const bytes = await inner.getBlob(id, options);
        if (!range) await download.take(bytes.length, signal);
        return bytes;
      });
    },
    getMetadata: (id, options) => read(options?.signal, () => inner.getMetadata(id, options)),
    listBlobs: list,
    putBlob: (id, data, options) =>
      write(options?.signal, async () => {
        await upload.take(bytesLength(data), options?.signal);
        return inner.putBlob(id, data, options);
      }),
    deleteBlob: (id, options) => write(options?.signal, () => inner.deleteBlob(id, options)),
    extendRetention: (extend, id, retention, options) =>
      write(options?.signal, () => extend(id, retention, options)),
  });
  return {
    ...storage,
    get limits() {
      return current;
    },
    setLimits,
  };
}

async function holding<T>(
  places: Budget,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const release = await places.acquire(1, abortOptions({ signal }));
  try {
    return await run();
  } finally {
    release();
  }
}

function checkLimits(limits: ThrottlingLimits): void {
  for (const [name, value] of Object.entries(limits) as [string, number | undefined][]) {
    const whole = name.startsWith('concurrent');
    if (
      value !== undefined &&
      !(Number.isFinite(value) && value >= 0 && (!whole || Number.isInteger(value)))
    ) {
      throw new LongshoreError(
        'INVALID_ARGUMENT',
        `${name}: ${value} is not ${whole ? 'a whole number' : 'a number'} of 0 or more`,
        { field: name },
      );
    }
  }
}
