import { bytesParts, concatBytes } from '../bytes.ts';
import type { Clock, EpochNanoseconds } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import {
  blobExistsError,
  blobNotFoundError,
  checkByteRange,
  rangePastEndError,
} from './byte-range.ts';
import type {
  AbortOptions,
  BlobID,
  BlobMetadata,
  BlobRetention,
  BlobStorage,
  ByteRange,
  PutBlobOptions,
  RetentionMode,
} from './storage.ts';
import type { Bytes } from '../bytes.ts';

/** The object lock of a blob in a {@link MemoryStorage}. */
export interface MemoryLock {
  readonly mode: RetentionMode;
  readonly retainUntil: EpochNanoseconds;
}

/** A storage whose insides a test may look at and change. */
export interface MemoryStorage extends BlobStorage {
  /** Gives a blob another age; BLOB_NOT_FOUND if there is none. */
  setTimestamp(id: BlobID, timestamp: EpochNanoseconds): void;
  /** The lock that the last put or extension left, if any. */
  lockOf(id: BlobID): MemoryLock | undefined;
}

export interface MemoryStorageOptions {
  /** Source of the timestamps that this storage assigns. */
  readonly clock: Clock;
  readonly displayName?: string;
  /** All on unless said otherwise. */
  readonly capabilities?: Partial<BlobStorage['capabilities']>;
}

interface StoredBlob {
  readonly data: Uint8Array;
  readonly timestamp: EpochNanoseconds;
  readonly lock: MemoryLock | undefined;
}

/**
 * Keeps blobs in memory and promises what every storage promises. Locks are recorded and, as on a versioned
 * bucket, hinder neither deletion nor replacement.
 */
export function createMemoryStorage(options: MemoryStorageOptions): MemoryStorage {
  return new InMemoryStorage(options);
}

class InMemoryStorage implements MemoryStorage {
  readonly displayName: string;
  readonly capabilities: BlobStorage['capabilities'];
  readonly #clock: Clock;
  readonly #blobs = new Map<BlobID, StoredBlob>();

  constructor(options: MemoryStorageOptions) {
    this.displayName = options.displayName ?? 'Memory';
    this.capabilities = {
      objectLock: true,
      putIfAbsent: true,
      putTimes: true,
      ...options.capabilities,
    };
    this.#clock = options.clock;
  }

  async getBlob(
    id: BlobID,
    options: AbortOptions & { readonly range?: ByteRange } = {},
  ): Promise<Uint8Array> {
    options.signal?.throwIfAborted();
    const { data } = this.#blob(id);
    const { range } = options;
    if (range === undefined) return data.slice();
    checkByteRange(id, range);
    if (range.offset + range.length > data.length) throw rangePastEndError(id, range, data.length);
    return data.slice(range.offset, range.offset + range.length);
  }

  async getMetadata(id: BlobID, options: AbortOptions = {}): Promise<BlobMetadata> {
    options.signal?.throwIfAborted();
    return metadataOf(id, this.#blob(id));
  }

  async *listBlobs(
    prefix: string,
    options: AbortOptions = {},
  ): AsyncGenerator<BlobMetadata, void, void> {
    options.signal?.throwIfAborted();
    const ids = [...this.#blobs.keys()].filter((id) => id.startsWith(prefix));
    for (const id of ids) {
      options.signal?.throwIfAborted();
      const blob = this.#blobs.get(id);
      if (blob) yield metadataOf(id, blob);
    }
  }

  async putBlob(id: BlobID, data: Bytes, options: PutBlobOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (options.retention && !this.capabilities.objectLock) throw unsupported(id, 'object lock');
    if (options.ifAbsent && !this.capabilities.putIfAbsent) throw unsupported(id, 'put if absent');
    if (options.ifAbsent && this.#blobs.has(id)) throw blobExistsError(id);
    if (options.timestamp !== undefined && this.capabilities.putTimes !== true) {
      throw unsupported(id, 'times of its own choice');
    }
    const timestamp = options.timestamp ?? this.#clock();
    const blob: StoredBlob = {
      data: concatBytes(bytesParts(data)),
      timestamp,
      lock: options.retention && lockFrom(options.retention, timestamp),
    };
    this.#blobs.set(id, blob);
  }

  async deleteBlob(id: BlobID, options: AbortOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#blobs.delete(id);
  }

  async extendRetention(
    id: BlobID,
    retention: BlobRetention,
    options: AbortOptions = {},
  ): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.capabilities.objectLock) throw unsupported(id, 'object lock');
    this.#blobs.set(id, { ...this.#blob(id), lock: lockFrom(retention, this.#clock()) });
  }

  setTimestamp(id: BlobID, timestamp: EpochNanoseconds): void {
    this.#blobs.set(id, { ...this.#blob(id), timestamp });
  }

  lockOf(id: BlobID): MemoryLock | undefined {
    return this.#blob(id).lock;
  }

  /** Keeps the blobs: whoever still holds the storage may look at what was written. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #blob(id: BlobID): StoredBlob {
    const blob = this.#blobs.get(id);
    if (!blob) throw blobNotFoundError(id);
    return blob;
  }
}

function metadataOf(id: BlobID, blob: StoredBlob): BlobMetadata {
  return { id, length: blob.data.length, timestamp: blob.timestamp };
}

function lockFrom(retention: BlobRetention, now: EpochNanoseconds): MemoryLock {
  return { mode: retention.mode, retainUntil: now + retention.periodNanoseconds };
}

function unsupported(id: BlobID, feature: string): LongshoreError {
  return new LongshoreError('UNSUPPORTED', `blob ${id}: this storage has no ${feature}`, {
    blobID: id,
  });
}
