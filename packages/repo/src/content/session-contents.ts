import { abortOptions, type AbortOptions, type BlobID, type BlobStorage } from '../blob/storage.ts';
import {
  NANOSECONDS_PER_SECOND,
  type Clock,
  type EpochNanoseconds,
  type RandomSource,
} from '../clock.ts';
import { COMPRESSION_HEADER_IDS, type CompressorName } from '../compression/compressor.ts';
import { hasCode, LongshoreError } from '../errors.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { contentNotFound, type CommittedContents } from './committed-contents.ts';
import {
  contentPrefix,
  decodeContentKey,
  makeContentID,
  type ContentID,
  type ContentPrefix,
} from './content-id.ts';
import { compareContentInfo, type ContentInfo } from './content-info.ts';
import { MAX_CONTENT_LENGTH } from './content-kernel.ts';
import type { ContentManager, ContentWriteEvents, WriteContentOptions } from './content-manager.ts';
import type { ContentPreparer, SlotPool } from './content-preparer.ts';
import type { IterateContentsOptions, ReadContentsOptions } from './content-reader.ts';
import { buildIndex } from './index/index-builder.ts';
import { PendingIndex } from './index/pending-index.ts';
import { PackFiller, type NewContent } from './pack-filler.ts';
import type { TakeDeletions } from './pack-writer.ts';
import { WriteBatch, type BatchSession } from './write-batch.ts';

/** Kopia's interval after which pending index entries are committed before more contents are added. */
const INDEX_FLUSH_INTERVAL: EpochNanoseconds = 600n * NANOSECONDS_PER_SECOND;

/**
 * A machine that slept in the middle of a session must not commit it: unreferenced packs of a session whose
 * marker is 96 hours old are collected, by Kopia and by longshore. Half an hour is more than clocks may differ by.
 */
const MAX_SESSION_AGE: EpochNanoseconds = (96n * 3600n - 1800n) * NANOSECONDS_PER_SECOND;

/** Bound of the index entries that a session holds between commits. */
const MAX_PENDING_ENTRIES = 1_000_000;

/** Directories of one writer that its cache gets, and bytes of each. */
const MAX_REMEMBERED = 256;
const MAX_REMEMBERED_LENGTH = 256 * 1024;

export interface SessionContentsOptions {
  readonly storage: BlobStorage;
  readonly committed: CommittedContents;
  readonly preparer: ContentPreparer;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly format: () => RepositoryFormat;
  /** Reads format and indexes again once they are too old to write by; fails when the repository is locked. */
  readonly stayCurrent: () => Promise<void>;
  /** False: this platform only reads what the compressor wrote. */
  readonly canCompress: (name: CompressorName) => boolean;
  /** Stores the session's marker and makes its pack writer. */
  readonly startSession: (
    takeDeletions: TakeDeletions,
    signal: AbortSignal | undefined,
  ) => Promise<BatchSession>;
  readonly events?: ContentWriteEvents;
  /** False: an index names the content and the storage has lost it, so that it is stored again. Default: always true. */
  readonly isStored?: ((info: ContentInfo) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Nothing is written while a commit is under way: there are not pack buffers enough for two batches. */
  readonly commitsAlone?: boolean;
  readonly stagingBuffers?: number | undefined;
}

type UnplacedContent = Omit<NewContent, 'timestampSeconds'>;

/** A content that nobody has yet, and that this call stores. */
interface ClaimedContent extends NewContent {
  /** Tells those who wait for the content. */
  readonly settle: (stored: boolean) => void;
}

/** The contents of one writer: those of the repository and its own, uncommitted ones. */
export class SessionContents implements ContentManager {
  readonly storage: BlobStorage;
  readonly #options: SessionContentsOptions;
  readonly #filler: PackFiller;
  /** Being stored, and whether that went well; a second writer of the same content waits for the first. */
  readonly #sealing: Map<ContentID, Promise<boolean>> = new Map();
  #batch: WriteBatch;
  #directoriesToRemember = MAX_REMEMBERED;
  /** Being committed. */
  #previous: WriteBatch | undefined;
  #commits: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #disposed: Promise<void> | undefined;

  constructor(options: SessionContentsOptions) {
    this.#options = options;
    this.storage = options.storage;
    this.#batch = this.#newBatch();
    this.#filler = new PackFiller(options);
  }

  get format(): RepositoryFormat {
    return this.#options.format();
  }

  get slots(): SlotPool {
    return this.#options.preparer.slots;
  }

  get loadFiles(): ContentPreparer['loadFiles'] {
    const { preparer } = this.#options;
    return preparer.loadFiles?.bind(preparer);
  }

  get call(): ContentPreparer['call'] {
    const { preparer } = this.#options;
    return preparer.call?.bind(preparer);
  }

  contentInfo(id: ContentID): ContentInfo | undefined {
    const committed = this.#options.committed.contentInfo(id);
    const previous = this.#previous?.entries.find(id);
    return winner(this.#batch.entries.find(id), winner(previous, committed));
  }

  areLive(keys: Uint8Array, keyLength: number): boolean {
    const { committed } = this.#options;
    const own = [this.#batch.entries, this.#previous?.entries].filter(
      (entries) => entries !== undefined && entries.size > 0,
    );
    const key = new Uint8Array(keyLength);
    for (let start = 0; start < keys.length; start += keyLength) {
      for (let i = 0; i < keyLength; i++) key[i] = keys[start + i]!;
      // An entry of this session may replace a committed one either way.
      if (own.some((entries) => entries!.hasKey(key))) {
        const id = decodeContentKey(key);
        const info = id === undefined ? undefined : this.contentInfo(id);
        if (info === undefined || info.deleted) return false;
      } else if (!committed.isLive(key)) return false;
    }
    return true;
  }

  *iterateContents(options: IterateContentsOptions = {}): Generator<ContentInfo, void, void> {
    const { prefix, includeDeleted = false } = options;
    const own = new Map<ContentID, ContentInfo>();
    for (const pending of [this.#previous?.entries, this.#batch.entries]) {
      for (const info of pending?.entries(prefix) ?? []) {
        own.set(info.contentID, winner(info, own.get(info.contentID)) ?? info);
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
    const info = this.#existing(id);
    const { fetcher } = this.#options.committed;
    const inMemory = this.#readFromMemory(info);
    if (inMemory === undefined) return fetcher.fetch(info, options);
    return fetcher.open(info, inMemory, options);
  }

  async readContents(
    ids: Iterable<ContentID>,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    options: ReadContentsOptions = {},
  ): Promise<void> {
    const { fetcher } = this.#options.committed;
    const stored: ContentInfo[] = [];
    for (const id of new Set(ids)) {
      const info = this.#existing(id);
      const inMemory = this.#readFromMemory(info);
      if (inMemory === undefined) stored.push(info);
      else await visit(id, await fetcher.open(info, inMemory, options));
    }
    await fetcher.fetchMany(stored, visit, options);
  }

  /** What this writer has not committed yet is in memory. */
  async readAhead(ids: Iterable<ContentID>, options: ReadContentsOptions = {}): Promise<void> {
    await this.#options.committed.readAhead(ids, options);
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
    for (const data of batch) checkContentLength(data);
    await this.#beforeChange(signal);
    const compressor = this.#usableCompressor(prefix, options.compressor);
    const hashes =
      options.hashes ?? (await this.#options.preparer.hash(batch, abortOptions({ signal })));
    this.#check(signal);
    const { batch: writeBatch, leave } = await this.#enter(signal);
    try {
      const contents = batch.map((data, index) => {
        const hash = hashes[index]!;
        return { contentID: makeContentID(prefix, hash), data, hash, compressor };
      });
      await this.#storeMissing(writeBatch, contents, signal);
      return contents.map(({ contentID }) => contentID);
    } finally {
      leave();
    }
  }

  async deleteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    await this.#beforeChange(options.signal);
    const info = this.contentInfo(id);
    if (info === undefined || info.deleted) throw contentNotFound(id);
    this.#markDeleted(info);
  }

  async deleteContents(ids: Iterable<ContentID>, options: AbortOptions = {}): Promise<void> {
    await this.#beforeChange(options.signal);
    // Nothing is awaited from here on: a commit takes all of them or none.
    for (const id of ids) {
      const info = this.contentInfo(id);
      if (info !== undefined && !info.deleted) this.#markDeleted(info);
    }
  }

  async undeleteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    await this.#beforeChange(options.signal);
    const info = this.#existing(id);
    if (info.deleted) await this.#copyContent(info, () => false, options);
  }

  async rewriteContent(id: ContentID, options: AbortOptions = {}): Promise<void> {
    await this.#beforeChange(options.signal);
    await this.#copyContent(this.#existing(id), ({ deleted }) => deleted, options);
  }

  async flush(options: AbortOptions = {}): Promise<void> {
    this.#check(options.signal);
    await this.#commit(() => true, anySignal(this.#options.signal, options.signal));
  }

  /** A commit that is under way is waited for; what is not being committed is given up. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#failure ??= { error: new LongshoreError('ABORTED', 'the writer was closed') };
    await this.#commits.catch(() => undefined);
    const abandoned = this.#batch.abandon();
    await this.#batch.whenIdle();
    await abandoned;
  }

  #existing(id: ContentID): ContentInfo {
    const info = this.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    return info;
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#options.signal?.throwIfAborted();
    signal?.throwIfAborted();
  }

  #newBatch(): WriteBatch {
    const { startSession, signal } = this.#options;
    return new WriteBatch(new PendingIndex(), (takeDeletions) =>
      startSession(takeDeletions, signal),
    );
  }

  #nowSeconds(): number {
    return Number(this.#options.clock() / NANOSECONDS_PER_SECOND);
  }

  /** A copy: the pack may leave memory while its bytes are opened. */
  #readFromMemory(info: ContentInfo): Uint8Array | undefined {
    const view = this.#batch.readFromMemory(info) ?? this.#previous?.readFromMemory(info);
    if (view === undefined) return undefined;
    const bytes = new Uint8Array(view.length);
    this.slots.copy(view, bytes);
    return bytes;
  }

  #markDeleted(info: ContentInfo): void {
    const timestampSeconds = this.#timestampAfter(info);
    this.#batch.putDeletion({ ...info, deleted: true, timestampSeconds });
  }

  /** Now, but later than the entry that a new one is to replace. */
  #timestampAfter(replaced: ContentInfo | undefined): number {
    // An entry that the watermark hides may be there all the same: with a clock that stands before it, the new one
    // would lose against it and vanish.
    const hiddenUpTo = this.#options.committed.deletionWatermarkSeconds ?? -1;
    const replacedAt = Math.max(replaced?.timestampSeconds ?? -1, hiddenUpTo);
    return Math.max(this.#nowSeconds(), replacedAt + 1);
  }

  /** What each change waits for. */
  async #beforeChange(signal: AbortSignal | undefined): Promise<void> {
    this.#check(signal);
    await this.#options.stayCurrent();
    await this.#commitIfDue();
    if (this.#batch.isEmpty) this.#batch.began = this.#options.clock();
    this.#check(signal);
  }

  /** The batch that is being filled; it is not committed before `leave` is called. */
  async #enter(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly batch: WriteBatch; readonly leave: () => void }> {
    while (this.#options.commitsAlone === true && this.#previous !== undefined) {
      await this.#commits.catch(() => undefined);
      this.#check(signal);
    }
    const batch = this.#batch;
    // The batch may be another one than before the caller waited.
    batch.began ??= this.#options.clock();
    return { batch, leave: batch.enter() };
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

  /**
   * Stores contents that nobody has and waits for those that another call is storing: where that call fails,
   * for its own abort say, this one steps in.
   */
  async #storeMissing(
    batch: WriteBatch,
    contents: readonly UnplacedContent[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (let left = [...contents], first = true; left.length > 0; first = false) {
      const fresh: ClaimedContent[] = [];
      const elsewhere: { readonly content: UnplacedContent; readonly stored: Promise<boolean> }[] =
        [];
      for (const content of left) {
        const { contentID } = content;
        const stored = this.#sealing.get(contentID);
        const claimed = stored === undefined ? this.#claim(content) : undefined;
        if (stored !== undefined) elsewhere.push({ content, stored });
        if (claimed !== undefined) fresh.push(claimed);
        if (first) this.#options.events?.onHashed?.(content.data.length, claimed === undefined);
      }
      if (fresh.length > 0) await this.#store(batch, fresh, signal);
      left = [];
      for (const { content, stored } of elsewhere) if (!(await stored)) left.push(content);
      if (left.length > 0) this.#check(signal);
    }
  }

  /** The content as this call's to store; undefined if it is there. */
  #claim(content: UnplacedContent): ClaimedContent | undefined {
    const { contentID } = content;
    const known = this.contentInfo(contentID);
    const isThere = known !== undefined && !known.deleted;
    if (isThere && (this.#isOwn(contentID) || this.#options.isStored?.(known) !== false)) {
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#sealing.set(contentID, promise);
    const settle = (stored: boolean): void => {
      this.#sealing.delete(contentID);
      resolve(stored);
    };
    return { ...content, timestampSeconds: this.#timestampAfter(known), settle };
  }

  #isOwn(id: ContentID): boolean {
    return (this.#batch.entries.find(id) ?? this.#previous?.entries.find(id)) !== undefined;
  }

  async #store(
    batch: WriteBatch,
    contents: readonly ClaimedContent[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let storedCount = 0;
    try {
      const { packs } = await batch.session();
      const onSealed = (infos: readonly ContentInfo[]): readonly ContentInfo[] => {
        for (const info of infos) {
          batch.entries.put(info);
          contents[storedCount++]!.settle(true);
        }
        return infos;
      };
      await this.#filler.fill(packs, contents, onSealed, abortOptions({ signal }));
      await this.#rememberMetadata(batch, contents);
    } finally {
      for (const content of contents.slice(storedCount)) content.settle(false);
    }
  }

  /**
   * Every command reads the manifests, and the garbage collection that may follow reads the directories: what this one
   * wrote need not come back from the storage. Of many directories the first ones only: each is a file in the cache.
   */
  async #rememberMetadata(
    batch: WriteBatch,
    contents: readonly Pick<ClaimedContent, 'contentID'>[],
  ): Promise<void> {
    for (const { contentID } of contents) {
      const prefix = contentPrefix(contentID);
      const info = prefix === '' ? undefined : batch.entries.find(contentID);
      if (info === undefined) continue;
      if (prefix !== 'm') {
        if (this.#directoriesToRemember === 0) continue;
        if (info.packedLength > MAX_REMEMBERED_LENGTH) continue;
        this.#directoriesToRemember -= 1;
      }
      const bytes = this.#readFromMemory(info);
      if (bytes !== undefined) await this.#options.committed.fetcher.remember({ info, bytes });
    }
  }

  /** Stores a content anew in another pack, as undelete and rewriting do. */
  async #copyContent(
    source: ContentInfo,
    isDeleted: (info: ContentInfo) => boolean,
    options: AbortOptions,
  ): Promise<void> {
    const { preparer } = this.#options;
    const { contentID: id } = source;
    const data = await this.getContent(id, options);
    const [hash] = await preparer.hash([data], options);
    this.#check(options.signal);
    const { batch, leave } = await this.#enter(options.signal);
    try {
      const { packs } = await batch.session();
      const compressor = this.#writableCompressor(source.compressionHeaderID);
      const content = { contentID: id, data, hash: hash!, compressor, timestampSeconds: 0 };
      const onSealed = ([copy]: readonly ContentInfo[]): readonly ContentInfo[] => {
        // What became of the content meanwhile counts, not what it was at the start.
        const latest = this.contentInfo(id) ?? source;
        const deleted = isDeleted(latest);
        // A deleted content stays as old as its mark: with the time of each rewrite it would never be old enough to go.
        const timestampSeconds = deleted
          ? latest.timestampSeconds + 1
          : this.#timestampAfter(latest);
        const entry = { ...copy!, deleted, timestampSeconds };
        batch.entries.put(entry);
        return [entry];
      };
      await this.#filler.fill(packs, [content], onSealed, options);
    } finally {
      leave();
    }
  }

  /** The compression of an earlier copy, unless this platform can only read it. */
  #writableCompressor(headerID: number): CompressorName | undefined {
    const name = compressorNameOf(headerID);
    return name !== undefined && this.#options.canCompress(name) ? name : undefined;
  }

  /** For every writer of a session: one caller's abort must not end the commit of all. */
  async #commitIfDue(): Promise<void> {
    if (this.#isCommitDue()) await this.#commit(() => this.#isCommitDue(), this.#options.signal);
  }

  #isCommitDue(): boolean {
    if (this.#batch.isEmpty) return false;
    return (
      this.#age(this.#batch) >= INDEX_FLUSH_INTERVAL ||
      this.#batch.entries.size >= MAX_PENDING_ENTRIES
    );
  }

  /** One commit at a time, in the order of the calls. */
  async #commit(isWanted: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    const commit = this.#commits
      .catch(() => undefined)
      .then(() => this.#commitBatch(isWanted, signal));
    this.#commits = commit;
    await commit;
  }

  async #commitBatch(isWanted: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    this.#check(signal);
    if (!isWanted()) return;
    const batch = this.#batch;
    if (batch.isEmpty) return;
    this.#batch = this.#newBatch();
    this.#previous = batch;
    try {
      await batch.whenIdle();
      if (batch.entries.size > 0) await this.#storeBatch(batch, signal);
      else await batch.abandon();
    } catch (error) {
      // What later contents were deduplicated against is not there: this writer is done.
      this.#failure ??= { error };
      await batch.abandon();
      throw error;
    } finally {
      this.#previous = undefined;
    }
  }

  #age({ began }: WriteBatch): EpochNanoseconds {
    return began === undefined ? 0n : this.#options.clock() - began;
  }

  /** Packs first, then the index blobs that name them, then the end of the session. */
  async #storeBatch(batch: WriteBatch, signal: AbortSignal | undefined): Promise<void> {
    const session = await batch.session();
    await session.packs.finish(abortOptions({ signal }));
    signal?.throwIfAborted();
    if (this.#age(batch) > MAX_SESSION_AGE) throw sessionTooOld();
    const shards = buildIndex(batch.entries, { version: this.format.indexVersion });
    await this.#options.committed.commitIndexes(shards, session.sessionID, {
      ...abortOptions({ signal }),
      confirm: (blobs) => this.#confirmCommit(batch, blobs),
    });
    // Committed is committed: a marker that stays behind only protects garbage for some days.
    await session.end().catch(() => undefined);
  }

  /**
   * A machine may also sleep while the index blobs are on their way. They may have counted all the time, and others
   * rely on them: only if a pack is gone are they taken back, because entries without bytes make later writers skip
   * what is not there.
   */
  async #confirmCommit(batch: WriteBatch, blobs: readonly BlobID[]): Promise<void> {
    if (this.#age(batch) <= MAX_SESSION_AGE) return;
    const { storage } = this.#options;
    const packs = new Set<BlobID>();
    for (const { packBlobID, deleted } of batch.entries) if (!deleted) packs.add(packBlobID);
    try {
      for (const pack of packs) await storage.getMetadata(pack);
    } catch (error) {
      if (!hasCode(error, 'BLOB_NOT_FOUND')) throw error;
      for (const id of blobs) await storage.deleteBlob(id);
      throw sessionTooOld();
    }
  }
}

function sessionTooOld(): LongshoreError {
  return new LongshoreError(
    'ABORTED',
    'the write session is too old to be committed: maintenance may have taken its packs for garbage; start again',
  );
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

function compressorNameOf(headerID: number): CompressorName | undefined {
  for (const [name, id] of Object.entries(COMPRESSION_HEADER_IDS)) {
    if (id === headerID) return name as CompressorName;
  }
  return undefined;
}

function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length < 2 ? given[0] : AbortSignal.any(given);
}
