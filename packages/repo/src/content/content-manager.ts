import type { AbortOptions, BlobStorage } from '../blob/storage.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { ContentID, ContentPrefix } from './content-id.ts';
import type { ContentPreparer, SlotPool } from './content-preparer.ts';
import type { ContentReader } from './content-reader.ts';

export interface WriteContentOptions extends AbortOptions {
  /** Default: the empty string, file data. */
  readonly prefix?: ContentPrefix;
  /** Needs index version 2; with version 1 prefixed contents stay uncompressed and unprefixed ones are refused. */
  readonly compressor?: CompressorName | undefined;
  /** The hash of each content, from `loadFiles`: they are not hashed again. */
  readonly hashes?: readonly Uint8Array[] | undefined;
}

export interface ContentWriteEvents {
  /** A content was hashed: `length` plaintext bytes; `duplicate` if the repository had it. */
  onHashed?(length: number, duplicate: boolean): void;
}

/**
 * The writing side. Nothing that it writes is visible to others before `flush` resolves: packs first, then
 * the index blobs that name them. Disposing without a flush abandons what was not flushed.
 */
export interface ContentManager extends ContentReader, AsyncDisposable {
  readonly storage: BlobStorage;
  /** `data` is borrowed until the promise settles. A live duplicate costs its hash only. */
  writeContent(data: Uint8Array, options?: WriteContentOptions): Promise<ContentID>;
  /** Many small contents as one unit of work, in order. */
  writeContents(
    batch: readonly Uint8Array[],
    options?: WriteContentOptions,
  ): Promise<readonly ContentID[]>;
  /** Buffers that `writeContent` takes without copying; contents of at most `slots.slotSize` bytes. */
  readonly slots: SlotPool;
  /** See {@link ContentPreparer.loadFiles}. */
  readonly loadFiles: ContentPreparer['loadFiles'];
  /** See {@link ContentPreparer.call}. */
  readonly call: ContentPreparer['call'];
  /** Whether all of these contents are there and not deleted: binary keys one after the other, of `keyLength` bytes each. */
  areLive(keys: Uint8Array, keyLength: number): boolean;
  /** Marks it deleted in the index; CONTENT_NOT_FOUND if there is no live entry. */
  deleteContent(id: ContentID, options?: AbortOptions): Promise<void>;
  /** Marks all of them deleted in one commit; those without a live entry are passed over. */
  deleteContents(ids: Iterable<ContentID>, options?: AbortOptions): Promise<void>;
  /** Brings a deleted content back under a new timestamp, in a new pack. A live one is left alone. */
  undeleteContent(id: ContentID, options?: AbortOptions): Promise<void>;
  /** Stores a content again in a new pack, keeping its deleted flag and compression. */
  rewriteContent(id: ContentID, options?: AbortOptions): Promise<void>;
  /**
   * Commits what was written before. If it fails or is aborted, or if a pack could not be stored before,
   * nothing of it counts and the writer is done: later contents may rest on what is not there.
   */
  flush(options?: AbortOptions): Promise<void>;
}
