import type { AbortOptions, BlobReader } from '../blob/storage.ts';
import { CorruptDataError, hasCode, invariant } from '../errors.ts';
import { Budget, forEachLimit } from '../parallel.ts';
import type { ContentCache } from './content-cache.ts';
import { contentPrefix, type ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentPreparer } from './content-preparer.ts';
import type { ReadContentsOptions } from './content-reader.ts';

/** Index entries looked up and sorted together: what one plan may hold in memory. */
const PLAN_SIZE = 32_768;

/** Bytes between two contents that cost less to read than another request does. */
const MAX_GAP = 256 * 1024;

/** Bytes of one request. */
const MAX_RANGE = 8 * 1024 * 1024;

/** Stored bytes that are opened as one unit of work. */
const OPEN_BATCH = 1024 * 1024;

const DEFAULT_MEMORY_LIMIT = 96 * 1024 * 1024;
const DEFAULT_PARALLELISM = 8;

export interface ContentFetcherOptions {
  readonly storage: BlobReader;
  readonly preparer: ContentPreparer;
  /** Keeps stored bytes of contents with a prefix (directories, index objects, manifests). */
  readonly cache: ContentCache | undefined;
  /** A content that error correction had to mend: the stored blob should be written anew. */
  readonly onRepaired?: ((info: ContentInfo) => void) | undefined;
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
    const { cache } = this.#options;
    const key = cacheKey(info);
    if (cache !== undefined && key !== undefined) {
      const cached = await cache.get(key);
      const opened = cached === undefined ? undefined : await this.#openCached(info, cached);
      if (opened !== undefined) return opened;
    }
    const bytes = await this.#read(info, info.packOffset, info.packedLength, options);
    const data = await this.open(info, bytes, options);
    if (key !== undefined) await cache?.put(key, bytes);
    return data;
  }

  /** Opens stored bytes that are already in memory. */
  async open(
    info: ContentInfo,
    bytes: Uint8Array,
    options: AbortOptions = {},
  ): Promise<Uint8Array> {
    const [opened] = await this.#options.preparer.open([{ bytes, info }], options);
    invariant(opened !== undefined, 'a preparer answered with fewer contents than it was given');
    if (opened.repaired) this.#options.onRepaired?.(info);
    return opened.data;
  }

  /** Located first, grouped by pack, neighbouring ranges merged, several fetched at once. */
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

  async #visitRange(
    range: PackRange,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void> {
    const first = range.contents[0];
    invariant(first !== undefined, 'a planned range holds a content');
    const bytes = await this.#read(first, range.offset, range.end - range.offset, { signal });
    for (const batch of batchesOf(range.contents)) {
      const stored = batch.map((info) => {
        const start = info.packOffset - range.offset;
        return { info, bytes: bytes.subarray(start, start + info.packedLength) };
      });
      const opened = await this.#options.preparer.open(stored, { signal });
      for (const [index, info] of batch.entries()) {
        const content = opened[index];
        invariant(content !== undefined, 'a preparer answers for each content');
        if (content.repaired) this.#options.onRepaired?.(info);
        await visit(info.contentID, content.data);
      }
    }
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

  /** A damaged cache entry is as good as none. */
  async #openCached(info: ContentInfo, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    if (bytes.length !== info.packedLength) return undefined;
    try {
      return await this.open(info, bytes);
    } catch (error) {
      if (hasCode(error, 'CORRUPT_DATA')) return undefined;
      throw error;
    }
  }
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
    bytes += info.packedLength;
    if (bytes < OPEN_BATCH) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
