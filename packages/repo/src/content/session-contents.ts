import type { AbortOptions, BlobStorage } from '../blob/storage.ts';
import {
  NANOSECONDS_PER_SECOND,
  type Clock,
  type EpochNanoseconds,
  type RandomSource,
} from '../clock.ts';
import { COMPRESSION_HEADER_IDS, type CompressorName } from '../compression/compressor.ts';
import { LongshoreError } from '../errors.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { Pool, type PooledItem } from '../parallel.ts';
import { contentNotFound, type CommittedContents } from './committed-contents.ts';
import { contentPrefix, makeContentID, type ContentID, type ContentPrefix } from './content-id.ts';
import { compareContentInfo, type ContentInfo } from './content-info.ts';
import { MAX_CONTENT_LENGTH } from './content-kernel.ts';
import type { ContentManager, ContentWriteEvents, WriteContentOptions } from './content-manager.ts';
import type {
  ContentPreparer,
  SealedContent,
  SlotPool,
  UnsealedContent,
} from './content-preparer.ts';
import type { IterateContentsOptions, ReadContentsOptions } from './content-reader.ts';
import { buildIndex } from './index/index-builder.ts';
import { PendingIndex } from './index/pending-index.ts';
import type { PackKind, PackRegion, PackWriter } from './pack-writer.ts';
import { WriteBatch, type BatchSession } from './write-batch.ts';

/** Kopia's interval after which pending index entries are committed before more contents are added. */
const INDEX_FLUSH_INTERVAL: EpochNanoseconds = 600n * NANOSECONDS_PER_SECOND;

/** Bound of the index entries that a session holds between commits. */
const MAX_PENDING_ENTRIES = 1_000_000;

export interface SessionContentsOptions {
  readonly storage: BlobStorage;
  readonly committed: CommittedContents;
  readonly preparer: ContentPreparer;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly format: () => RepositoryFormat;
  /** Reads format and indexes again once they are too old to write by; fails when the repository is locked. */
  readonly stayCurrent: () => Promise<void>;
  /** Stores the session's marker and makes its pack writer. */
  readonly startSession: (signal: AbortSignal | undefined) => Promise<BatchSession>;
  readonly events?: ContentWriteEvents;
  readonly signal?: AbortSignal | undefined;
}

/** A content of the current call that nobody has yet: to be sealed into a pack. */
interface NewContent extends UnsealedContent {
  readonly contentID: ContentID;
  readonly timestampSeconds: number;
  readonly settle: (error?: unknown) => void;
}

/** The contents of one writer: those of the repository and its own, uncommitted ones. */
export class SessionContents implements ContentManager {
  readonly storage: BlobStorage;
  readonly #options: SessionContentsOptions;
  readonly #staging: Pool<Uint8Array>;
  /** Being sealed; a second writer of the same content waits for the first. */
  readonly #sealing: Map<ContentID, Promise<void>> = new Map();
  #batch: WriteBatch;
  /** Being committed. */
  #previous: WriteBatch | undefined;
  #commits: Promise<void> = Promise.resolve();
  #lastCommit: EpochNanoseconds;
  #failure: { readonly error: unknown } | undefined;
  #disposed = false;

  constructor(options: SessionContentsOptions) {
    this.#options = options;
    this.storage = options.storage;
    this.#batch = this.#newBatch();
    this.#lastCommit = options.clock();
    const { preparer } = options;
    this.#staging = new Pool(2 * preparer.parallelism, () =>
      preparer.createBuffer(this.#groupLimit()),
    );
  }

  get format(): RepositoryFormat {
    return this.#options.format();
  }

  get slots(): SlotPool {
    return this.#options.preparer.slots;
  }

  contentInfo(id: ContentID): ContentInfo | undefined {
    const committed = this.#options.committed.contentInfo(id);
    const previous = this.#previous?.entries.find(id);
    return winner(this.#batch.entries.find(id), winner(previous, committed));
  }

  *iterateContents(options: IterateContentsOptions = {}): Generator<ContentInfo, void, void> {
    const { prefix, includeDeleted = false } = options;
    const own = new Map<ContentID, ContentInfo>();
    for (const entries of [this.#previous?.entries, this.#batch.entries]) {
      for (const info of entries ?? []) {
        if (prefix === undefined || contentPrefix(info.contentID) === prefix) {
          own.set(info.contentID, info);
        }
      }
    }
    const sorted = [...own.keys()].sort();
    let next = 0;
    const emit = (info: ContentInfo | undefined): ContentInfo | undefined =>
      info === undefined || (info.deleted && !includeDeleted) ? undefined : info;
    const committed = this.#options.committed.iterateContents({ ...options, includeDeleted: true });
    for (const info of committed) {
      for (; next < sorted.length && sorted[next]! < info.contentID; next++) {
        const before = emit(own.get(sorted[next]!));
        if (before !== undefined) yield before;
      }
      const mine = sorted[next] === info.contentID ? own.get(sorted[next++]!) : undefined;
      const merged = emit(winner(mine, info));
      if (merged !== undefined) yield merged;
    }
    for (; next < sorted.length; next++) {
      const rest = emit(own.get(sorted[next]!));
      if (rest !== undefined) yield rest;
    }
  }

  async getContent(id: ContentID, options: AbortOptions = {}): Promise<Uint8Array> {
    const info = this.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    const inMemory = await this.#readFromMemory(info);
    if (inMemory === undefined) return this.#options.committed.fetcher.fetch(info, options);
    // The pack may leave memory while its bytes are opened.
    return this.#options.committed.fetcher.open(info, inMemory.slice(), options);
  }

  async readContents(
    ids: Iterable<ContentID>,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    options: ReadContentsOptions = {},
  ): Promise<void> {
    const stored: ContentInfo[] = [];
    for (const id of new Set(ids)) {
      const info = this.contentInfo(id);
      if (info === undefined) throw contentNotFound(id);
      if ((await this.#readFromMemory(info)) === undefined) stored.push(info);
      else await visit(id, await this.getContent(id, options));
    }
    await this.#options.committed.fetcher.fetchMany(stored, visit, options);
  }

  async refresh(options: AbortOptions = {}): Promise<void> {
    await this.#options.committed.refresh(options);
  }

  async writeContent(data: Uint8Array, options: WriteContentOptions = {}): Promise<ContentID> {
    const [id] = await this.writeContents([data], options);
    return id!;
  }

  async writeContents(
    batch: readonly Uint8Array[],
    options: WriteContentOptions = {},
  ): Promise<readonly ContentID[]> {
    const { prefix = '', signal } = options;
    this.#check(signal);
    for (const data of batch) checkContentLength(data);
    await this.#options.stayCurrent();
    await this.#commitIfDue(signal);
    const compressor = this.#usableCompressor(prefix, options.compressor);
    const hashes = await this.#options.preparer.hash(batch, abortOptions(signal));
    this.#check(signal);
    const writeBatch = this.#batch;
    const leave = writeBatch.enter();
    try {
      const waits: Promise<void>[] = [];
      const fresh: NewContent[] = [];
      const ids = batch.map((data, index) => {
        const hash = hashes[index]!;
        const contentID = makeContentID(prefix, hash);
        const isNew = this.#claim({ contentID, data, hash, compressor }, fresh, waits);
        this.#options.events?.onHashed?.(data.length, !isNew);
        return contentID;
      });
      if (fresh.length > 0) await this.#store(writeBatch, fresh, signal);
      await Promise.all(waits);
      return ids;
    } finally {
      leave();
    }
  }

  async deleteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    this.#check(options.signal);
    const info = this.contentInfo(id);
    if (info === undefined || info.deleted) throw contentNotFound(id);
    const timestampSeconds = Math.max(this.#nowSeconds(), info.timestampSeconds + 1);
    this.#batch.entries.put({ ...info, deleted: true, timestampSeconds });
  }

  async undeleteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    const info = this.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    if (info.deleted) await this.#copyContent(info, false, options);
  }

  async rewriteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    const info = this.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    await this.#copyContent(info, info.deleted, options);
  }

  async flush(options: AbortOptions = {}): Promise<void> {
    this.#check(options.signal);
    await this.#commit(options.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#failure ??= { error: new LongshoreError('ABORTED', 'the writer was closed') };
    await this.#commits.catch(() => undefined);
    await this.#batch.whenIdle();
    const session = await this.#batch.startedSession?.catch(() => undefined);
    session?.packs.abandon();
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#options.signal?.throwIfAborted();
    signal?.throwIfAborted();
  }

  #newBatch(): WriteBatch {
    const { startSession, signal } = this.#options;
    return new WriteBatch(new PendingIndex(), () => startSession(signal));
  }

  #nowSeconds(): number {
    return Number(this.#options.clock() / NANOSECONDS_PER_SECOND);
  }

  async #readFromMemory(info: ContentInfo): Promise<Uint8Array | undefined> {
    return (await this.#batch.readFromMemory(info)) ?? (await this.#previous?.readFromMemory(info));
  }

  /** With index version 1, prefixed contents are silently left uncompressed; others cannot be compressed here. */
  #usableCompressor(
    prefix: ContentPrefix,
    compressor: CompressorName | undefined,
  ): CompressorName | undefined {
    if (compressor === undefined || this.format.indexVersion >= 2) return compressor;
    if (prefix !== '') return undefined;
    throw new LongshoreError(
      'UNSUPPORTED',
      'an index of version 1 cannot hold compressed contents: compress at the object layer',
    );
  }

  /** True if the content is new and now this call's to store. */
  #claim(
    content: UnsealedContent & { readonly contentID: ContentID },
    fresh: NewContent[],
    waits: Promise<void>[],
  ): boolean {
    const { contentID } = content;
    const running = this.#sealing.get(contentID);
    if (running !== undefined) {
      waits.push(running);
      return false;
    }
    const known = this.contentInfo(contentID);
    if (known !== undefined && !known.deleted) return false;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Those who wait see the failure; if nobody waits it is the storing call's alone.
    promise.catch(() => undefined);
    this.#sealing.set(contentID, promise);
    const now = this.#nowSeconds();
    fresh.push({
      ...content,
      timestampSeconds: known === undefined ? now : Math.max(now, known.timestampSeconds + 1),
      settle: (error) => {
        this.#sealing.delete(contentID);
        if (error === undefined) resolve();
        else reject(error);
      },
    });
    return true;
  }

  async #store(
    batch: WriteBatch,
    contents: readonly NewContent[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      const { packs } = await batch.session();
      for (const group of this.#groups(contents)) {
        const stored = await this.#seal(packs, group, signal);
        for (const info of stored) batch.entries.put(info);
      }
      for (const content of contents) content.settle();
    } catch (error) {
      for (const content of contents) content.settle(error);
      throw error;
    }
  }

  /** Bytes of one group: what a pack may overshoot by. */
  #groupLimit(): number {
    const { preparer } = this.#options;
    return preparer.sealedLength(preparer.slots.slotSize);
  }

  *#groups(contents: readonly NewContent[]): Generator<readonly NewContent[]> {
    const limit = this.#groupLimit();
    let group: NewContent[] = [];
    let length = 0;
    for (const content of contents) {
      const sealed = this.#options.preparer.sealedLength(content.data.length);
      if (group.length > 0 && length + sealed > limit) {
        yield group;
        group = [];
        length = 0;
      }
      group.push(content);
      length += sealed;
    }
    if (group.length > 0) yield group;
  }

  /** Uncompressed contents have a known length and are sealed in place; others by way of a staging buffer. */
  async #seal(
    packs: PackWriter,
    group: readonly NewContent[],
    signal: AbortSignal | undefined,
  ): Promise<readonly ContentInfo[]> {
    const { preparer } = this.#options;
    const kind: PackKind = contentPrefix(group[0]!.contentID) === '' ? 'p' : 'q';
    const room = group.reduce((sum, { data }) => sum + preparer.sealedLength(data.length), 0);
    if (group.every(({ compressor }) => compressor === undefined)) {
      const region = await packs.reserve(kind, room, abortOptions(signal));
      return this.#fill(region, group, () =>
        preparer.seal(group, region.bytes, abortOptions(signal)),
      );
    }
    const staging = await this.#stagingBuffer(room, signal);
    try {
      const sealed = await preparer.seal(group, staging.item, abortOptions(signal));
      const length = sealed.reduce((sum, one) => sum + one.length, 0);
      const region = await packs.reserve(kind, length, abortOptions(signal));
      return await this.#fill(region, group, async () => {
        region.bytes.set(staging.item.subarray(0, length));
        return sealed;
      });
    } finally {
      staging.release();
    }
  }

  async #stagingBuffer(
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<PooledItem<Uint8Array>> {
    if (length <= this.#groupLimit()) return this.#staging.acquire(abortOptions(signal));
    return { item: this.#options.preparer.createBuffer(length), release: () => undefined };
  }

  async #fill(
    region: PackRegion,
    group: readonly NewContent[],
    seal: () => Promise<readonly SealedContent[]>,
  ): Promise<readonly ContentInfo[]> {
    let infos: ContentInfo[] = [];
    try {
      const sealed = await seal();
      let packOffset = region.packOffset;
      infos = group.map((content, index) => {
        const { length: packedLength, compressionHeaderID } = sealed[index]!;
        const info: ContentInfo = {
          contentID: content.contentID,
          packBlobID: region.packBlobID,
          packOffset,
          packedLength,
          originalLength: content.data.length,
          timestampSeconds: content.timestampSeconds,
          deleted: false,
          formatVersion: this.format.version,
          compressionHeaderID,
          encryptionKeyID: 0,
        };
        packOffset += packedLength;
        return info;
      });
      return infos;
    } finally {
      if (infos.length === 0) region.abandon();
      else region.commit(infos);
    }
  }

  /** Stores a content anew in another pack, as undelete and rewriting do. */
  async #copyContent(info: ContentInfo, deleted: boolean, options: AbortOptions): Promise<void> {
    const { signal } = options;
    this.#check(signal);
    const data = await this.getContent(info.contentID, options);
    const batch = this.#batch;
    const leave = batch.enter();
    try {
      const { packs } = await batch.session();
      const compressor = compressorNameOf(info.compressionHeaderID);
      const [hash] = await this.#options.preparer.hash([data], options);
      const timestampSeconds = Math.max(this.#nowSeconds(), info.timestampSeconds + 1);
      const [stored] = await this.#seal(
        packs,
        [
          {
            contentID: info.contentID,
            data,
            hash: hash!,
            compressor,
            timestampSeconds,
            settle: () => undefined,
          },
        ],
        signal,
      );
      batch.entries.put({ ...stored!, deleted });
    } finally {
      leave();
    }
  }

  async #commitIfDue(signal: AbortSignal | undefined): Promise<void> {
    const due =
      this.#options.clock() - this.#lastCommit >= INDEX_FLUSH_INTERVAL ||
      this.#batch.entries.size >= MAX_PENDING_ENTRIES;
    if (due && !this.#batch.isEmpty) await this.#commit(signal);
  }

  /** One commit at a time, in the order of the calls. */
  async #commit(signal: AbortSignal | undefined): Promise<void> {
    const commit = this.#commits.catch(() => undefined).then(() => this.#commitBatch(signal));
    this.#commits = commit;
    await commit;
  }

  async #commitBatch(signal: AbortSignal | undefined): Promise<void> {
    this.#check(signal);
    this.#lastCommit = this.#options.clock();
    const batch = this.#batch;
    if (batch.isEmpty) return;
    this.#batch = this.#newBatch();
    this.#previous = batch;
    try {
      await batch.whenIdle();
      if (batch.entries.size > 0) await this.#storeBatch(batch, signal);
    } catch (error) {
      // What later contents were deduplicated against is not there: this writer is done.
      this.#failure ??= { error };
      throw error;
    } finally {
      this.#previous = undefined;
    }
  }

  /** Packs first, then the index blobs that name them, then the end of the session. */
  async #storeBatch(batch: WriteBatch, signal: AbortSignal | undefined): Promise<void> {
    const session = await batch.session();
    await session.packs.finish();
    signal?.throwIfAborted();
    const shards = buildIndex(batch.entries, { version: this.format.indexVersion });
    await this.#options.committed.commitIndexes(shards, session.sessionID, abortOptions(signal));
    await session.end();
  }
}

function checkContentLength(data: Uint8Array): void {
  if (data.length <= MAX_CONTENT_LENGTH) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `a content holds at most ${MAX_CONTENT_LENGTH} bytes, not ${data.length}`,
  );
}

function winner(a: ContentInfo | undefined, b: ContentInfo | undefined): ContentInfo | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareContentInfo(a, b) >= 0 ? a : b;
}

function abortOptions(signal: AbortSignal | undefined): AbortOptions {
  return signal === undefined ? {} : { signal };
}

function compressorNameOf(headerID: number): CompressorName | undefined {
  for (const [name, id] of Object.entries(COMPRESSION_HEADER_IDS)) {
    if (id === headerID) return name as CompressorName;
  }
  return undefined;
}
