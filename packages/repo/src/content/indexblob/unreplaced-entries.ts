import type { AbortOptions, BlobID, BlobMetadata, BlobReader } from '../../blob/storage.ts';
import type { ReplacedBlob } from '../../epoch/replaced-blobs.ts';
import { CorruptDataError, errorCode, hasCode } from '../../errors.ts';
import { forEachLimit } from '../../parallel.ts';
import type { ContentInfo } from '../content-info.ts';
import { createIndexRecord, recordToInfo } from '../index/index-record.ts';
import { MergedIndex } from '../index/merged-index.ts';
import type { PackIndex } from '../index/pack-index.ts';
import type { IndexBlobFetcher } from './index-blob-fetcher.ts';

const FETCH_PARALLELISM = 4;

export interface UnreplacedEntryOptions {
  readonly storage: BlobReader;
  readonly fetcher: IndexBlobFetcher;
  /** All index blobs that count. */
  readonly active: readonly BlobMetadata[];
  /** Sets are taken from near. False, before something is deleted for their sake: they are in the storage, and sound. */
  readonly trustsCache: boolean;
}

/** What a look at index blobs that no longer count has found. */
export interface UnreplacedEntries {
  /** Live entries that win against all that counts, and whose bytes are there. */
  readonly entries: readonly ContentInfo[];
  /** Of the blobs, those that do not open. */
  readonly unreadable: ReadonlySet<BlobID>;
}

/**
 * Compares index blobs that a merged set has replaced, entry by entry, with the set, and what that lacks with all index
 * blobs that count. A listing that was short when the set was made shows itself here. Deletions may be missing: what
 * they hid is collected again. So may entries whose packs are gone.
 */
export class UnreplacedEntryFinder {
  readonly #options: UnreplacedEntryOptions;
  readonly #abort: AbortOptions;
  readonly #packs: Map<BlobID, boolean> = new Map();
  #allActive: MergedIndex | undefined;

  constructor(options: UnreplacedEntryOptions, abort: AbortOptions = {}) {
    this.#options = options;
    this.#abort = abort;
  }

  async find(replaced: readonly ReplacedBlob[]): Promise<UnreplacedEntries> {
    const entries: ContentInfo[] = [];
    const unreadable = new Set<BlobID>();
    for (const [by, blobs] of Map.groupBy(replaced, ({ by: set }) => set)) {
      const set = await this.#fetchAll(by);
      for (const { blob } of blobs) {
        const index = await this.#fetchIfReadable(blob.id, unreadable);
        if (index === undefined) continue;
        await this.#addNeeded(index, set, entries);
      }
    }
    return { entries, unreadable };
  }

  async #fetchAll(blobs: readonly BlobMetadata[]): Promise<MergedIndex> {
    const indexes: PackIndex[] = [];
    const { fetcher, trustsCache } = this.#options;
    const options = { parallelism: FETCH_PARALLELISM, ...this.#abort };
    await forEachLimit(blobs, options, async ({ id }, signal) => {
      const index = trustsCache
        ? fetcher.fetch(id, { signal })
        : fetcher.fetchStored(id, { signal });
      indexes.push(await index);
    });
    return new MergedIndex(indexes);
  }

  /** Undefined if it is gone, as somebody else's clean-up may have had it, or damaged. */
  async #fetchIfReadable(id: BlobID, unreadable: Set<BlobID>): Promise<PackIndex | undefined> {
    try {
      return await this.#options.fetcher.fetch(id, this.#abort);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'BLOB_NOT_FOUND' && code !== 'CORRUPT_DATA') throw error;
      if (code === 'CORRUPT_DATA') unreadable.add(id);
      return undefined;
    }
  }

  async #addNeeded(index: PackIndex, set: MergedIndex, needed: ContentInfo[]): Promise<void> {
    const record = createIndexRecord();
    for (let entry = 0; entry < index.entryCount; entry++) {
      index.readRecord(entry, record);
      if (record.deleted || set.outranks(record.key, record)) continue;
      this.#allActive ??= await this.#fetchAll(this.#options.active);
      if (this.#allActive.outranks(record.key, record)) continue;
      if (await this.#isPackThere(record.packBlobID)) needed.push(recordToInfo(record));
    }
  }

  async #isPackThere(id: BlobID): Promise<boolean> {
    const known = this.#packs.get(id);
    if (known !== undefined) return known;
    const isThere = await this.#options.storage.getMetadata(id, this.#abort).then(
      () => true,
      (error: unknown) => {
        if (hasCode(error, 'BLOB_NOT_FOUND')) return false;
        throw error;
      },
    );
    this.#packs.set(id, isThere);
    return isThere;
  }
}

/** CORRUPT_DATA if an index blob that no longer counts is all that names some bytes. */
export function refuseUnreplaced({ entries: [first, ...more] }: UnreplacedEntries): void {
  if (first === undefined) return;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  throw new CorruptDataError(
    `content ${first.contentID}${others} is only in index blobs that were merged, not in what they were merged into: ` +
      'nothing is deleted. "index recover --commit" adds what is missing',
    { contentID: first.contentID },
  );
}
