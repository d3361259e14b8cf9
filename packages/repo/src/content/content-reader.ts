import type { AbortOptions, BlobReader } from '../blob/storage.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import type { ContentID, ContentPrefix } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { FilePlace, WrittenContent } from './content-preparer.ts';

export interface IterateContentsOptions {
  /** Only contents with this prefix; the empty string is file data. Undefined: all. */
  readonly prefix?: ContentPrefix;
  /** Default false. */
  readonly includeDeleted?: boolean;
}

export interface ReadContentsOptions extends AbortOptions {
  /** Bytes of stored and opened contents held at once. */
  readonly memoryLimit?: number;
  /** Requests to the storage at once. */
  readonly parallelism?: number;
  /** The bytes that `visit` gets are its own only until its promise settles: that spares a copy of each. */
  readonly borrow?: boolean;
  /** Takes effect with `borrow` only. */
  readonly destinations?: ContentDestinations;
}

/** For contents whose bytes the caller need not see: where the platform can, they stay with the thread that opens them. */
export interface ContentDestinations {
  /**
   * Where in files of this machine all bytes of a content go: nowhere if the list is empty, to `visit` if there is
   * none. Asked at most once for a read, when the stored bytes are at hand. The places must stay writable until
   * {@link written} is called for them, or the read is over.
   */
  placesOf(
    id: ContentID,
  ): Promise<readonly FilePlace[] | undefined> | readonly FilePlace[] | undefined;
  /** A content with places is sound and has so many bytes. `failures` are as in {@link WrittenContent}. */
  written(id: ContentID, content: WrittenContent): Promise<void> | void;
}

/** The contents of an open repository as of the last refresh. Index look-ups are synchronous: indexes are resident. */
export interface ContentReader {
  readonly storage: BlobReader;
  readonly format: RepositoryFormat;
  /** The winning index entry, deleted or not; undefined if there is none or the watermark hides it. */
  contentInfo(id: ContentID): ContentInfo | undefined;
  /** In key order. Not affected by writes that happen meanwhile. */
  iterateContents(options?: IterateContentsOptions): Iterable<ContentInfo>;
  /** The plaintext, owned by the caller. CONTENT_NOT_FOUND if there is no entry; deleted ones are read. */
  getContent(id: ContentID, options?: AbortOptions): Promise<Uint8Array>;
  /**
   * Reads many contents by plan: located first, grouped by pack, neighbouring ranges merged, several
   * fetched at once. `visit` gets each ID once, in no particular order, as soon as it is there (an ID that
   * is given twice possibly twice); the plan waits for the promise that it returns. The first failure stops
   * the rest.
   */
  readContents(
    ids: Iterable<ContentID>,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    options?: ReadContentsOptions,
  ): Promise<void>;
  /**
   * Says that contents will be asked for one by one: a cache may fetch them with few requests now. Without a cache this
   * does nothing. What is not there is passed over.
   */
  readAhead(ids: Iterable<ContentID>, options?: ReadContentsOptions): Promise<void>;
  /** Loads what other writers have committed. */
  refresh(options?: AbortOptions): Promise<void>;
}
