import {
  abortOptions,
  type AbortOptions,
  type BlobReader,
  type GetBlobOptions,
} from '../blob/storage.ts';
import { CorruptDataError, hasCode, invariant } from '../errors.ts';
import { Budget, forEachLimit } from '../parallel.ts';
import type { ContentCache } from './content-cache.ts';
import { contentPrefix, type ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type {
  ContentPreparer,
  DestinedContent,
  InPlaceOpener,
  OpenOutcome,
  StoredContent,
  WrittenContent,
} from './content-preparer.ts';
import type { ContentDestinations, ReadContentsOptions } from './content-reader.ts';

/** Index entries looked up and sorted together: what one plan may hold in memory. */
const PLAN_SIZE = 32_768;

/** Bytes between two contents that cost less to read than another request does. */
const MAX_GAP = 256 * 1024;

/** Bytes of one request. */
const MAX_RANGE = 8 * 1024 * 1024;

/** Stored or opened bytes of one unit of work, whichever are more. */
const OPEN_BATCH = 1024 * 1024;

/** The same where nothing is copied: the more contents are hashed together, the faster. */
const IN_PLACE_BATCH = 8 * 1024 * 1024;

const DEFAULT_MEMORY_LIMIT = 96 * 1024 * 1024;

/** Questions to a cache at once. */
const CACHE_LOOKUPS = 16;
const DEFAULT_PARALLELISM = 8;

export interface ContentFetcherOptions {
  readonly storage: BlobReader;
  readonly preparer: ContentPreparer;
  /** Keeps stored bytes: of contents with a prefix (directories, index objects, manifests), and of what is prefetched. */
  readonly cache: ContentCache | undefined;
  /**
   * Where a content lies according to an index that was just read. Its pack may have been rewritten and
   * deleted since the index at hand was loaded; without this, that is damage.
   */
  readonly relocate?: ((id: ContentID) => Promise<ContentInfo | undefined>) | undefined;
  /** A content that error correction had to mend: the stored blob should be written anew. */
  readonly onRepaired?: ((info: ContentInfo) => void) | undefined;
}

type ContentVisitor = (id: ContentID, data: Uint8Array) => Promise<void> | void;

/** Who gets what is read in place. */
interface Receiver {
  readonly visit: ContentVisitor;
  readonly destinations: ContentDestinations | undefined;
  /** The cache keeps file data too. */
  readonly keepsAll: boolean;
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
  /** Of those that are not opened in place. */
  decompressedLength: number;
  /** One of them has a prefix. */
  hasMetadata: boolean;
  readonly contents: ContentInfo[];
}

/** Reads contents out of packs: one at a time, or many by plan. */
export class ContentFetcher {
  readonly #options: ContentFetcherOptions;

  constructor(options: ContentFetcherOptions) {
    this.#options = options;
  }

  get hasCache(): boolean {
    return this.#options.cache !== undefined;
  }

  /** The plaintext, checked against its ID. */
  fetch(info: ContentInfo, options: AbortOptions = {}): Promise<Uint8Array> {
    return this.#fetch(info, false, options);
  }

  async #fetch(info: ContentInfo, keep: boolean, options: AbortOptions): Promise<Uint8Array> {
    const [cached] = (await this.#openCached([info], options)) ?? [];
    if (cached !== undefined) return cached.data;
    const stored = await this.#readWhereItLies(info, options);
    const data = await this.open(stored.info, stored.bytes, options);
    await (keep ? this.#keep(stored) : this.remember(stored));
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
    visit: ContentVisitor,
    options: ReadContentsOptions = {},
  ): Promise<void> {
    const { destinations } = options;
    await this.#fetchMany(infos, { visit, destinations, keepsAll: false }, options);
  }

  async #fetchMany(
    infos: Iterable<ContentInfo>,
    receiver: Receiver,
    options: ReadContentsOptions,
  ): Promise<void> {
    const memory = new Budget(options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
    const parallelism = options.parallelism ?? DEFAULT_PARALLELISM;
    const { signal } = options;
    await forEachLimit(
      plannedRanges(infos),
      { parallelism, ...abortOptions({ signal }) },
      async (range, rangeSignal) => {
        const opener = options.borrow === true ? await this.#openerFor(range) : undefined;
        const release = await memory.acquire(memoryOf(range, opener), { signal: rangeSignal });
        try {
          if (opener === undefined) await this.#visitRange(range, receiver, rangeSignal);
          else await this.#visitInPlace(opener, range, receiver, rangeSignal);
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
  async readAhead(infos: Iterable<ContentInfo>, options: ReadContentsOptions = {}): Promise<void> {
    const lacking = await this.#lacking(metadataOf(infos), options);
    const missing = lacking.slice(0, PLAN_SIZE);
    if (missing.length > 1) await this.fetchMany(missing, () => undefined, options);
  }

  /**
   * Has a cache keep all of `infos`, file data too, as far as it has room. What it lacks is read as by
   * {@link fetchMany}, and authenticated. Nothing without a cache.
   */
  async prefetch(infos: Iterable<ContentInfo>, options: ReadContentsOptions = {}): Promise<void> {
    const receiver: Receiver = {
      visit: () => undefined,
      destinations: undefined,
      keepsAll: true,
    };
    for (const plan of plansOf(infos)) {
      await this.#fetchMany(await this.#lacking(plan, options), receiver, options);
    }
  }

  /** Those that the cache does not have; none without a cache. */
  async #lacking(
    infos: Iterable<ContentInfo>,
    { signal }: AbortOptions,
  ): Promise<readonly ContentInfo[]> {
    const { cache } = this.#options;
    const missing: ContentInfo[] = [];
    if (cache === undefined) return missing;
    await forEachLimit(
      infos,
      { parallelism: CACHE_LOOKUPS, ...abortOptions({ signal }) },
      async (info) => {
        if (!(await cache.has(cacheKey(info)))) missing.push(info);
      },
    );
    return missing;
  }

  /** Stored bytes that a cache may want must outlive being opened; what was prefetched is taken from there. */
  async #openerFor({
    offset,
    end,
    hasMetadata,
    contents,
  }: PackRange): Promise<InPlaceOpener | undefined> {
    const { preparer, cache } = this.#options;
    const { inPlace } = preparer;
    if (inPlace === undefined || hasMetadata || end - offset > inPlace.bufferLength)
      return undefined;
    const [first] = contents;
    const isCached = first !== undefined && (await cache?.has(cacheKey(first))) === true;
    return isCached ? undefined : inPlace;
  }

  async #visitInPlace(
    opener: InPlaceOpener,
    range: PackRange,
    receiver: Receiver,
    signal: AbortSignal,
  ): Promise<void> {
    const buffer = await opener.acquire({ signal });
    try {
      const bytes = await this.#readRange(range, signal, buffer.bytes);
      if (bytes === undefined) {
        await this.#visitMoved(range, receiver, signal);
        return;
      }
      if (bytes.buffer !== buffer.bytes.buffer) buffer.bytes.set(bytes);
      for (const batch of batchesOf(range.contents, IN_PLACE_BATCH)) {
        const destined = await destinedOf(batch, range.offset, receiver.destinations);
        signal.throwIfAborted();
        const outcomes = await opener.open(buffer, destined);
        await this.#deliver(batch, outcomes, receiver);
      }
    } finally {
      buffer.release();
    }
  }

  /** What is sound is delivered before the first error is thrown. Only a receiver that is not done at once is waited for. */
  async #deliver(
    infos: readonly ContentInfo[],
    outcomes: readonly (OpenOutcome | WrittenContent)[],
    { visit, destinations }: Receiver,
  ): Promise<void> {
    invariant(outcomes.length === infos.length, 'an opener answers for each content');
    let failure: { readonly error: unknown } | undefined;
    for (const [index, outcome] of outcomes.entries()) {
      const info = infos[index]!;
      if ('error' in outcome) {
        failure ??= outcome;
        continue;
      }
      if (outcome.repaired) this.#options.onRepaired?.(info);
      const receiving =
        'data' in outcome
          ? visit(info.contentID, outcome.data)
          : destinations?.written(info.contentID, outcome);
      if (receiving !== undefined) await receiving;
    }
    if (failure !== undefined) throw failure.error;
  }

  async #visitRange(range: PackRange, receiver: Receiver, signal: AbortSignal): Promise<void> {
    const { visit, keepsAll } = receiver;
    const cached = await this.#openCached(range.contents, { signal });
    if (cached !== undefined) {
      for (const { info, data } of cached) await visit(info.contentID, data);
      return;
    }
    const bytes = await this.#readRange(range, signal);
    if (bytes === undefined) {
      await this.#visitMoved(range, receiver, signal);
      return;
    }
    for (const batch of batchesOf(range.contents, OPEN_BATCH)) {
      const stored = batch.map((info) => storedIn(bytes, range, info));
      const opened = await this.#openBatch(stored, { signal });
      for (const [index, { info, data }] of opened.entries()) {
        await (keepsAll ? this.#keep(stored[index]!) : this.remember(stored[index]!));
        await visit(info.contentID, data);
      }
    }
  }

  async #visitMoved(
    { contents }: PackRange,
    { visit, keepsAll }: Receiver,
    signal: AbortSignal,
  ): Promise<void> {
    for (const info of contents) {
      await visit(info.contentID, await this.#fetch(info, keepsAll, { signal }));
    }
  }

  /** Undefined: the pack is gone, and each content may lie somewhere else now. */
  async #readRange(
    { offset, end, contents }: PackRange,
    signal: AbortSignal,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const [first] = contents;
    invariant(first !== undefined, 'a planned range holds a content');
    try {
      return await this.#read(first, offset, end - offset, {
        signal,
        ...(into === undefined ? {} : { into }),
      });
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
    options: Omit<GetBlobOptions, 'range'>,
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

  /**
   * Keeps stored bytes of a content that was just read or written: whoever asks for it has it near. Only those with a
   * prefix are worth it: file data is read once.
   */
  async remember(stored: StoredContent): Promise<void> {
    if (contentPrefix(stored.info.contentID) !== '') await this.#keep(stored);
  }

  async #keep({ info, bytes }: StoredContent): Promise<void> {
    await this.#options.cache?.put(cacheKey(info), bytes);
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
      const bytes = await cache.get(cacheKey(info));
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

function cacheKey({ packBlobID, packOffset, packedLength }: ContentInfo): string {
  return `${packBlobID}.${packOffset}.${packedLength}`;
}

function* metadataOf(infos: Iterable<ContentInfo>): Generator<ContentInfo> {
  for (const info of infos) if (contentPrefix(info.contentID) !== '') yield info;
}

/** Each content once in its plan. */
function* plansOf(infos: Iterable<ContentInfo>): Generator<Iterable<ContentInfo>> {
  let plan = new Map<ContentID, ContentInfo>();
  for (const info of infos) {
    plan.set(info.contentID, info);
    if (plan.size < PLAN_SIZE) continue;
    yield plan.values();
    plan = new Map();
  }
  yield plan.values();
}

function* plannedRanges(infos: Iterable<ContentInfo>): Generator<PackRange> {
  for (const plan of plansOf(infos)) yield* rangesOf(plan);
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
      // Only a hostile index has contents that overlap: they must not be opened in the same place.
      info.packOffset < range.end ||
      end - range.offset > MAX_RANGE
    ) {
      if (range !== undefined) yield range;
      range = {
        offset: info.packOffset,
        end,
        originalLength: 0,
        decompressedLength: 0,
        hasMetadata: false,
        contents: [],
      };
      pack = info.packBlobID;
    }
    range.end = Math.max(range.end, end);
    range.originalLength += info.originalLength;
    if (info.compressionHeaderID !== 0) range.decompressedLength += info.originalLength;
    range.hasMetadata ||= contentPrefix(info.contentID) !== '';
    range.contents.push(info);
  }
  if (range !== undefined) yield range;
}

/** At most what one batch decompresses to, or one large content, is held beside bytes that are opened in place. */
function memoryOf(range: PackRange, opener: InPlaceOpener | undefined): number {
  const stored = range.end - range.offset;
  if (opener === undefined) return stored + range.originalLength;
  return stored + Math.min(range.decompressedLength, 2 * IN_PLACE_BATCH);
}

function storedIn(bytes: Uint8Array, range: PackRange, info: ContentInfo): StoredContent {
  const start = info.packOffset - range.offset;
  return { info, bytes: bytes.subarray(start, start + info.packedLength) };
}

/** Where each is in a buffer that holds the pack from `offset` on, and where it goes. */
async function destinedOf(
  infos: readonly ContentInfo[],
  offset: number,
  destinations: ContentDestinations | undefined,
): Promise<readonly DestinedContent[]> {
  const destined: DestinedContent[] = [];
  for (const info of infos) {
    const asked = destinations?.placesOf(info.contentID);
    const places = asked instanceof Promise ? await asked : asked;
    destined.push({ info, start: info.packOffset - offset, places });
  }
  return destined;
}

function* batchesOf(
  infos: readonly ContentInfo[],
  maxBytes: number,
): Generator<readonly ContentInfo[]> {
  let batch: ContentInfo[] = [];
  let bytes = 0;
  for (const info of infos) {
    batch.push(info);
    bytes += Math.max(info.packedLength, info.originalLength);
    if (bytes < maxBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
