import type { CompressorName } from '../compression/compressor.ts';
import type { AbortOptions } from '../blob/storage.ts';
import type { ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';

/** A content whose hash is known and which the repository does not hold yet. */
export interface UnsealedContent {
  /** Borrowed until the call settles. May lie in shared memory. */
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  /** Compress if that makes it strictly shorter; undefined: store as it is. */
  readonly compressor: CompressorName | undefined;
}

export interface SealedContent {
  /** Compressed if worthwhile, encrypted, error-corrected. Owned by the receiver. */
  readonly bytes: Uint8Array;
  /** 0: not compressed. */
  readonly compressionHeaderID: number;
}

export interface StoredContent {
  /** The bytes of `info.packOffset .. + info.packedLength`. Borrowed until the call settles. */
  readonly bytes: Uint8Array;
  readonly info: ContentInfo;
}

/**
 * The computing part of writing and reading contents: the unit of parallel work. In-thread, or on a
 * bounded pool of workers; a batch is one message, so that small contents do not cost one each.
 * Results are in the order of the input.
 */
export interface ContentPreparer extends AsyncDisposable {
  /** How many batches run at once: callers keep about twice as many in flight. */
  readonly parallelism: number;
  /** A buffer that workers can read without copying: shared memory where workers are used. */
  allocate(length: number): Uint8Array;
  hash(batch: readonly Uint8Array[], options?: AbortOptions): Promise<readonly Uint8Array[]>;
  seal(
    batch: readonly UnsealedContent[],
    options?: AbortOptions,
  ): Promise<readonly SealedContent[]>;
  /**
   * Authenticated, decompressed and compared with its ID; any doubt is CORRUPT_DATA naming content, pack
   * and offset. The result is owned by the receiver.
   */
  open(batch: readonly StoredContent[], options?: AbortOptions): Promise<readonly OpenedContent[]>;
}

export interface OpenedContent {
  readonly contentID: ContentID;
  readonly data: Uint8Array;
  /** True if error correction had to mend the stored bytes. */
  readonly repaired: boolean;
}
