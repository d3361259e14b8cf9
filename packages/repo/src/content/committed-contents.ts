import type { AbortOptions, BlobID, BlobReader } from '../blob/storage.ts';
import type { Clock, EpochNanoseconds } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import type { ContentFetcher } from './content-fetcher.ts';
import type { ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type {
  ContentReader,
  IterateContentsOptions,
  ReadContentsOptions,
} from './content-reader.ts';
import type { ActiveIndexSource, IndexBlobWriter } from './indexblob/index-blob-manager.ts';
import type { LoadedIndexes } from './indexblob/loaded-indexes.ts';

/** Nanoseconds: how old a client's view of the index may get. Kopia's constant. */
const INDEX_MAX_AGE: EpochNanoseconds = 15n * 60_000_000_000n;

/** Many contents of one lost pack ask for it once. */
const RELOCATION_MAX_AGE: EpochNanoseconds = 10_000_000_000n;

export interface CommittedContentsOptions {
  readonly storage: BlobReader;
  readonly fetcher: ContentFetcher;
  readonly indexes: LoadedIndexes;
  /** A reader's source of index blobs, or a writer's. */
  readonly indexBlobs: ActiveIndexSource | IndexBlobWriter;
  readonly format: () => RepositoryFormat;
  readonly clock: Clock;
  /** Fails if what is about to be committed would not count: the repository may be locked, or have been upgraded. */
  readonly beforeCommit?: (options: AbortOptions) => Promise<void>;
}

export interface CommitIndexesOptions extends AbortOptions {
  /** Called when the index blobs are stored. If it throws they do not count here; it takes them back itself. */
  readonly confirm?: (blobs: readonly BlobID[]) => Promise<void>;
}

/** What all writers of a repository have committed, as of the last refresh. */
export class CommittedContents implements ContentReader {
  readonly storage: BlobReader;
  readonly fetcher: ContentFetcher;
  readonly #options: CommittedContentsOptions;
  #refreshedAt: EpochNanoseconds | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: CommittedContentsOptions) {
    this.#options = options;
    this.storage = options.storage;
    this.fetcher = options.fetcher;
  }

  get format(): RepositoryFormat {
    return this.#options.format();
  }

  /** Where a content lies by an index that is no older than some seconds: a pack may have been rewritten. */
  async relocate(id: ContentID): Promise<ContentInfo | undefined> {
    await this.#refreshIfOlderThan(RELOCATION_MAX_AGE);
    return this.contentInfo(id);
  }

  /** Unix seconds; what was deleted up to then counts as absent. Undefined: nothing is hidden. */
  get deletionWatermarkSeconds(): number | undefined {
    return this.#options.indexes.current.deletionWatermarkSeconds;
  }

  contentInfo(id: ContentID): ContentInfo | undefined {
    return this.#options.indexes.current.find(id);
  }

  /** Whether the content with this binary key is there and not deleted. */
  isLive(key: Uint8Array): boolean {
    return this.#options.indexes.current.isLive(key);
  }

  iterateContents(options?: IterateContentsOptions): Iterable<ContentInfo> {
    return this.#options.indexes.current.iterate(options);
  }

  async getContent(id: ContentID, options: AbortOptions = {}): Promise<Uint8Array> {
    await this.refreshIfStale();
    return this.fetcher.fetch(this.#existing(id), options);
  }

  async readContents(
    ids: Iterable<ContentID>,
    visit: (id: ContentID, data: Uint8Array) => Promise<void> | void,
    options: ReadContentsOptions = {},
  ): Promise<void> {
    await this.refreshIfStale();
    await this.fetcher.fetchMany(this.#existingAll(ids), visit, options);
  }

  /** What is not in the index is passed over. */
  async readAhead(ids: Iterable<ContentID>, options: ReadContentsOptions = {}): Promise<void> {
    const infos = Array.from(ids, (id) => this.contentInfo(id)).filter(
      (info) => info !== undefined,
    );
    await this.fetcher.readAhead(infos, options);
  }

  async refresh(options: AbortOptions = {}): Promise<void> {
    const startedAt = this.#options.clock();
    await this.#options.indexes.refresh(options);
    this.#refreshedAt = startedAt;
  }

  /** Refreshes a view that is 15 minutes old, or from the future. Concurrent callers share one refresh. */
  refreshIfStale(): Promise<void> {
    return this.#refreshIfOlderThan(INDEX_MAX_AGE);
  }

  /** Commits index files whose packs are durable; from then on they count here and for everybody. */
  async commitIndexes(
    files: readonly Uint8Array[],
    sessionID: string,
    { confirm, ...options }: CommitIndexesOptions = {},
  ): Promise<void> {
    const { indexBlobs, indexes, beforeCommit } = this.#options;
    if (!('writeIndexBlobs' in indexBlobs)) {
      throw new LongshoreError('READ_ONLY', 'the repository is open for reading only');
    }
    await beforeCommit?.(options);
    const blobs = await indexBlobs.writeIndexBlobs(files, sessionID, options);
    await confirm?.(blobs);
    indexes.adopt(blobs, files);
  }

  async #refreshIfOlderThan(maxAge: EpochNanoseconds): Promise<void> {
    const age =
      this.#refreshedAt === undefined ? undefined : this.#options.clock() - this.#refreshedAt;
    if (age !== undefined && age >= 0n && age < maxAge) return;
    this.#refreshing ??= this.refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  #existing(id: ContentID): ContentInfo {
    const info = this.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    return info;
  }

  *#existingAll(ids: Iterable<ContentID>): Generator<ContentInfo, void, void> {
    for (const id of ids) yield this.#existing(id);
  }
}

export function contentNotFound(id: ContentID): LongshoreError {
  return new LongshoreError('CONTENT_NOT_FOUND', `content ${id} is not in the repository`, {
    contentID: id,
  });
}
