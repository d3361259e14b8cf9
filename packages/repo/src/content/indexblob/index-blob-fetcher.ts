import type { AbortOptions, BlobID, BlobReader } from '../../blob/storage.ts';
import { hasCode } from '../../errors.ts';
import { openPackIndex, type PackIndex } from '../index/pack-index.ts';
import type { BlobSealer } from './blob-sealing.ts';

/** Keeps stored bytes near. Not trusted: what comes from it is authenticated like what comes from the storage. */
export interface IndexCache {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, data: Uint8Array): Promise<void>;
}

export interface IndexBlobFetcherOptions {
  readonly storage: BlobReader;
  readonly sealer: BlobSealer;
  /** See `OpenIndexOptions`: the overhead of the repository's cipher. */
  readonly v1Overhead: number;
  readonly cache?: IndexCache | undefined;
}

/** Gets one index blob, opened and checked. */
export class IndexBlobFetcher {
  readonly #options: IndexBlobFetcherOptions;

  constructor(options: IndexBlobFetcherOptions) {
    this.#options = options;
  }

  /** BLOB_NOT_FOUND if it is gone, CORRUPT_DATA if it is damaged. */
  async fetch(id: BlobID, options: AbortOptions = {}): Promise<PackIndex> {
    return (await this.#fromCache(id)) ?? (await this.fetchStored(id, options));
  }

  /** As {@link fetch}, whatever is near: the blob is in the storage, and sound. */
  async fetchStored(id: BlobID, options: AbortOptions = {}): Promise<PackIndex> {
    const { storage, cache } = this.#options;
    const sealed = await storage.getBlob(id, options);
    const index = this.#open(id, sealed);
    await cache?.put(id, sealed);
    return index;
  }

  /** Keeps what was just written: the next run has it near. */
  async remember(id: BlobID, sealed: Uint8Array): Promise<void> {
    await this.#options.cache?.put(id, sealed);
  }

  /** Opens an index file that was just written, without asking the storage for it. */
  openFile(id: BlobID, file: Uint8Array): PackIndex {
    return openPackIndex(file, `index blob ${id}`, this.#options);
  }

  /** Undefined if it is not there or does not open: the storage has the authentic one. */
  async #fromCache(id: BlobID): Promise<PackIndex | undefined> {
    const sealed = await this.#options.cache?.get(id);
    if (sealed === undefined) return undefined;
    try {
      return this.#open(id, sealed);
    } catch (error) {
      if (hasCode(error, 'CORRUPT_DATA')) return undefined;
      throw error;
    }
  }

  #open(id: BlobID, sealed: Uint8Array): PackIndex {
    return this.openFile(id, this.#options.sealer.open(id, sealed));
  }
}
