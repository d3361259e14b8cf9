import type { Bytes } from '../bytes.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { LongshoreError } from '../errors.ts';

declare const blobIDBrand: unique symbol;
/** The name of a blob in the flat namespace of a repository, for example `kopia.repository` or `p<32 hex>-<session>`. */
export type BlobID = string & { readonly [blobIDBrand]: true };

/** Printable ASCII without slash, backslash or control characters, 1 to 250 characters; else INVALID_ARGUMENT. */
export function parseBlobID(text: string): BlobID {
  if (!/^[!-.0-[\]-~]{1,250}$/.test(text) || text === '.' || text === '..') {
    throw new LongshoreError('INVALID_ARGUMENT', `not a blob ID: ${JSON.stringify(text)}`);
  }
  return text as BlobID;
}

export interface AbortOptions {
  readonly signal?: AbortSignal;
}

/** The signal of anything that may have one, as what others take: none is left out, not passed on as undefined. */
export function abortOptions({
  signal,
}: {
  readonly signal?: AbortSignal | undefined;
}): AbortOptions {
  return signal === undefined ? {} : { signal };
}

/** `length` bytes from `offset`, both in bytes. A range that reaches past the end of the blob is CORRUPT_DATA. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface GetBlobOptions extends AbortOptions {
  /** Default: the whole blob. */
  readonly range?: ByteRange;
  /**
   * Room that the bytes may go into: the result is then a view of its start. Not touched any more once the
   * promise has settled. A storage that cannot make use of it gives bytes of their own.
   */
  readonly into?: Uint8Array;
}

export interface BlobMetadata {
  readonly id: BlobID;
  /** Bytes. */
  readonly length: number;
  /** Assigned by the storage, never by the local clock: epoch advancement and clean-up depend on it. */
  readonly timestamp: EpochNanoseconds;
}

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE' | 'Locked';

export interface BlobRetention {
  readonly mode: RetentionMode;
  readonly periodNanoseconds: bigint;
}

export interface PutBlobOptions extends AbortOptions {
  /** Object lock to put on the blob. A storage without `capabilities.objectLock` refuses it (UNSUPPORTED). */
  readonly retention?: BlobRetention;
  /** Fail with ALREADY_EXISTS if the blob is there. Needs `capabilities.putIfAbsent`. */
  readonly ifAbsent?: boolean;
  /**
   * Time that the blob gets instead of the storage's own, or up to two microseconds later: for copies of blobs. A storage
   * without `capabilities.putTimes` refuses it (UNSUPPORTED).
   */
  readonly timestamp?: EpochNanoseconds;
}

/**
 * What a reader of a repository needs. A missing blob is BLOB_NOT_FOUND; no access is ACCESS_DENIED.
 * Every method stops on `signal`, throwing `signal.reason` untouched.
 */
export interface BlobReader {
  /** For messages: `Filesystem: /backup`, `S3: s3.example.com bucket`. Holds no secret. */
  readonly displayName: string;
  /** The whole blob or exactly the range. The result is owned by the caller. */
  getBlob(id: BlobID, options?: GetBlobOptions): Promise<Uint8Array>;
  getMetadata(id: BlobID, options?: AbortOptions): Promise<BlobMetadata>;
  /** Every blob whose ID starts with `prefix`, in no particular order. */
  listBlobs(prefix: string, options?: AbortOptions): AsyncIterable<BlobMetadata>;
}

/** A writable storage. Read-after-write and list-after-write are consistent. */
export interface BlobStorage extends BlobReader, AsyncDisposable {
  readonly capabilities: {
    readonly objectLock: boolean;
    readonly putIfAbsent: boolean;
    /** Default false. */
    readonly putTimes?: boolean;
  };
  /**
   * Creates or replaces atomically: nobody ever sees a part. When it resolves, the blob is durable.
   * `data` is borrowed until the promise settles. The storage's time of it costs another request: `getMetadata`.
   */
  putBlob(id: BlobID, data: Bytes, options?: PutBlobOptions): Promise<void>;
  /** A missing blob is success. */
  deleteBlob(id: BlobID, options?: AbortOptions): Promise<void>;
  /** Extends the object lock of a blob to now + period; UNSUPPORTED without `capabilities.objectLock`. */
  extendRetention?(id: BlobID, retention: BlobRetention, options?: AbortOptions): Promise<void>;
}
