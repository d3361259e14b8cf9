import type { AbortOptions, BlobReader } from '../blob/storage.ts';
import { CorruptDataError, hasCode, invariant } from '../errors.ts';
import { Budget, forEachLimit } from '../parallel.ts';
import type { ContentCache } from './content-cache.ts';
import { contentPrefix, type ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentPreparer, StoredContent } from './content-preparer.ts';
import type { ReadContentsOptions } from './content-reader.ts';

/** Index entries looked up and sorted together: what one plan may hold in memory. */
const PLAN_SIZE = 32_768;

/** Bytes between two contents that cost less to read than another request does. */
const MAX_GAP = 256 * 1024;

/** Bytes of one request. */
const MAX_RANGE = 8 * 1024 * 1024;

/** Stored or opened bytes of one unit of work, whichever are more. */
const OPEN_BATCH = 1024 * 1024;

const DEFAULT_MEMORY_LIMIT = 96 * 1024 * 1024;
const DEFAULT_PARALLELISM = 8;

export interface ContentFetcherOptions {
  readonly storage: BlobReader;
  readonly preparer: ContentPreparer;
  /** Keeps stored bytes of contents with a prefix (directories, index objects, manifests). */
  readonly cache: ContentCache | undefined;
  /**
   * Where a content lies according to an index that was just read. Its pack may have been rewritten and
   * deleted since the index at hand was loaded; without this, that is damage.
   */
  readonly relocate?: ((id: ContentID) => Promise<ContentInfo | undefined>) | undefined;
  /** A content that error correction had to mend: the stored blob should be written anew. */
  readonly onRepaired?: ((info: ContentInfo) => void) | undefined;
}

interface FetchedContent {
  readonly info: ContentInfo;
  readonly data: Uint8Array;
}

/** Neighbouring contents of one pack, read with one request. */
interface PackRange {
  readonly offset: number;
  end: number;
  /** Plaintext bytes of all. */
  originalLength: number;
  readonly contents: ContentInfo[];
}

/** Reads contents out of packs: one at a time, or many by plan. */
export class ContentFetcher {
  readonly #options: ContentFetcherOptions;

  constructor(options: ContentFetcherOptions) {
    this.#options = options;
  }

  /** The plaintext, checked against its ID. */
  async fetch(info: ContentInfo, options: AbortOptions = {}): Promise<Uint8Array> {
    const [cached] = (await this.#openCached([info], options)) ?? [];
    if (cached !== undefined) return cached.data;
    const stored = await this.#readWhereItLies(info, options);
    const data = await this.open(stored.info, stored.bytes, options);
    await this.remember(stored);
    return data;
  }

  /** Looks once more where the content lies if its pack is gone. */
  async #readWhereItLies(info: ContentInfo, options: AbortOptions): Promise<StoredContent> {
    try {
      return { info, bytes: await this.#readOne(info, options) };
    } catch (error) {
      if (!isLostPack(error)) throw error;
      const moved = await this.#options.relocate?.(info.contentID);
      if (moved === undefined || moved.packBlobID === info.packBlobID) throw error;
      return { info: moved, bytes: await this.#readOne(moved, options) };
    }
  }

  #readOne(info: ContentInfo, options: AbortOptions): Promise<Uint8Array> {
    return this.#read(info, info.packOffset, info.packedLength, options);
  }

  /** Opens stored bytes that are already in memory. */
  async open(
    info: ContentInfo,
    bytes: Uint8Array,
    options: AbortOptions = {},
  ): Promise<Uint8Array> {
    const [opened] = await this.#openBatch([{ bytes, info }], options);
    return opened!.data;
  }

  /**
   * Of distinct contents: located first, grouped by pack, neighbouring ranges merged, several fetched at
   * once. What a cache may hold is taken from there.
   */
  async fetchMany(
    infos: Iterable<ContentInfo>,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    options: ReadContentsOptions = {},
  ): Promise<void> {
    const memory = new Budget(options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
    const parallelism = options.parallelism ?? DEFAULT_PARALLELISM;
    const { signal } = options;
    await forEachLimit(
      plannedRanges(infos),
      { parallelism, ...(signal === undefined ? {} : { signal }) },
      async (range, rangeSignal) => {
        const release = await memory.acquire(range.end - range.offset + range.originalLength, {
          signal: rangeSignal,
        });
        try {
          await this.#visitRange(range, visit, rangeSignal);
        } finally {
          release();
        }
      },
    );
  }

  /**
   * Has a cache read ahead what it lacks of `infos`, with as few requests as {@link fetchMany}. Nothing without a cache,
   * and nothing for a single content, which is read as fast when it is asked for.
   */
  async readAhead(infos: Iterable<ContentInfo>, options: AbortOptions = {}): Promise<void> {
    const { cache } = this.#options;
    if (cache === undefined) return;
    const missing: ContentInfo[] = [];
    for (const info of infos) {
      const key = cacheKey(info);
      if (key !== undefined && (await cache.get(key)) === undefined) missing.push(info);
      if (missing.length === PLAN_SIZE) break;
    }
    if (missing.length > 1) await this.fetchMany(missing, () => undefined, options);
  }

  async #visitRange(
    range: PackRange,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void> {
    const first = range.contents[0];
    invariant(first !== undefined, 'a planned range holds a content');
    const cached = await this.#openCached(range.contents, { signal });
    if (cached !== undefined) {
      for (const { info, data } of cached) await visit(info.contentID, data);
      return;
    }
    const bytes = await this.#readRange(first, range, signal);
    if (bytes === undefined) {
      for (const info of range.contents) {
        await visit(info.contentID, await this.fetch(info, { signal }));
      }
      return;
    }
    for (const batch of batchesOf(range.contents)) {
      const stored = batch.map((info) => {
        const start = info.packOffset - range.offset;
        return { info, bytes: bytes.subarray(start, start + info.packedLength) };
      });
      const opened = await this.#openBatch(stored, { signal });
      for (const [index, { info, data }] of opened.entries()) {
        await this.remember(stored[index]!);
        await visit(info.contentID, data);
      }
    }
  }

  /** Undefined: the pack is gone, and each content may lie somewhere else now. */
  async #readRange(
    first: ContentInfo,
    { offset, end }: PackRange,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#read(first, offset, end - offset, { signal });
    } catch (error) {
      if (isLostPack(error) && this.#options.relocate !== undefined) return undefined;
      throw error;
    }
  }

  async #openBatch(
    stored: readonly StoredContent[],
    options: AbortOptions,
  ): Promise<readonly FetchedContent[]> {
    const opened = await this.#options.preparer.open(stored, options);
    invariant(opened.length === stored.length, 'a preparer answers for each content');
    return stored.map(({ info }, index) => {
      const { data, repaired } = opened[index]!;
      if (repaired) this.#options.onRepaired?.(info);
      return { info, data };
    });
  }

  async #read(
    info: ContentInfo,
    offset: number,
    length: number,
    options: AbortOptions,
  ): Promise<Uint8Array> {
    try {
      return await this.#options.storage.getBlob(info.packBlobID, {
        ...options,
        range: { offset, length },
      });
    } catch (error) {
      if (!hasCode(error, 'BLOB_NOT_FOUND')) throw error;
      throw new CorruptDataError(
        `content ${info.contentID}: its pack ${info.packBlobID} is missing from the storage`,
        { contentID: info.contentID, blobID: info.packBlobID, cause: error },
      );
    }
  }

  /** Keeps stored bytes of a content that was just written: whoever asks for it has it near. */
  async remember({ info, bytes }: StoredContent): Promise<void> {
    const key = cacheKey(info);
    if (key !== undefined) await this.#options.cache?.put(key, bytes);
  }

  /** All of them out of the cache; undefined unless it holds each. A damaged entry is as good as none. */
  async #openCached(
    infos: readonly ContentInfo[],
    options: AbortOptions,
  ): Promise<readonly FetchedContent[] | undefined> {
    const { cache } = this.#options;
    if (cache === undefined) return undefined;
    const stored: StoredContent[] = [];
    for (const info of infos) {
      const key = cacheKey(info);
      const bytes = key === undefined ? undefined : await cache.get(key);
      if (bytes?.length !== info.packedLength) return undefined;
      stored.push({ info, bytes });
    }
    try {
      return await this.#openBatch(stored, options);
    } catch (error) {
      if (hasCode(error, 'CORRUPT_DATA')) return undefined;
      throw error;
    }
  }
}

function isLostPack(error: unknown): boolean {
  return error instanceof CorruptDataError && hasCode(error.cause, 'BLOB_NOT_FOUND');
}

/** Only contents with a prefix are worth keeping: file data is read once. */
function cacheKey(info: ContentInfo): string | undefined {
  if (contentPrefix(info.contentID) === '') return undefined;
  return `${info.packBlobID}.${info.packOffset}.${info.packedLength}`;
}

function* plannedRanges(infos: Iterable<ContentInfo>): Generator<PackRange> {
  let plan = new Map<ContentID, ContentInfo>();
  for (const info of infos) {
    plan.set(info.contentID, info);
    if (plan.size < PLAN_SIZE) continue;
    yield* rangesOf(plan.values());
    plan = new Map();
  }
  yield* rangesOf(plan.values());
}

function* rangesOf(infos: Iterable<ContentInfo>): Generator<PackRange> {
  const sorted = [...infos].sort((a, b) =>
    a.packBlobID === b.packBlobID
      ? a.packOffset - b.packOffset
      : a.packBlobID < b.packBlobID
        ? -1
        : 1,
  );
  let range: PackRange | undefined;
  let pack: string | undefined;
  for (const info of sorted) {
    const end = info.packOffset + info.packedLength;
    if (
      range === undefined ||
      pack !== info.packBlobID ||
      info.packOffset - range.end > MAX_GAP ||
      end - range.offset > MAX_RANGE
    ) {
      if (range !== undefined) yield range;
      range = { offset: info.packOffset, end, originalLength: 0, contents: [] };
      pack = info.packBlobID;
    }
    range.end = Math.max(range.end, end);
    range.originalLength += info.originalLength;
    range.contents.push(info);
  }
  if (range !== undefined) yield range;
}

function* batchesOf(infos: readonly ContentInfo[]): Generator<readonly ContentInfo[]> {
  let batch: ContentInfo[] = [];
  let bytes = 0;
  for (const info of infos) {
    batch.push(info);
    bytes += Math.max(info.packedLength, info.originalLength);
    if (bytes < OPEN_BATCH) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
