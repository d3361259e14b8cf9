import {
  abortOptions,
  Budget,
  type AbortOptions,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { readDirectory } from '../repository-entry.ts';
import { isEntryName } from '../restore/entry-name.ts';

/** Directories that are being loaded at once. */
const MAX_DIRECTORY_LOADS = 4;

export const DEFAULT_MAX_CACHED_ENTRIES = 100_000;
export const DEFAULT_MAX_CACHED_DIRECTORIES = 100;

export interface DirectoryCacheOptions extends AbortOptions {
  /** Entries of all cached directories. The directory used last stays even if it alone has more. Default 100 000. */
  readonly maxCachedEntries?: number;
  /** Default 100; 0: nothing is cached. */
  readonly maxCachedDirectories?: number;
}

/** The entries of a stored directory that can be shown. */
export interface CachedDirectory {
  readonly entries: ReadonlyMap<string, DirEntry & { readonly objectID: ObjectID }>;
  /** How many cannot. */
  readonly omitted: number;
}

/** Directories of one repository by object ID; those that were not used for longest go first. */
export class DirectoryCache {
  readonly #repository: Repository;
  readonly #maxEntries: number;
  readonly #maxDirectories: number;
  readonly #signal: AbortSignal | undefined;
  readonly #loads: Budget = new Budget(MAX_DIRECTORY_LOADS);
  /** In the order of their last use. */
  readonly #cached = new Map<ObjectID, CachedDirectory>();
  readonly #loading = new Map<ObjectID, Promise<CachedDirectory>>();
  #entryCount = 0;

  /** `signal` ends all loads: who asks for a directory may leave, others may be waiting for the same one. */
  constructor(repository: Repository, options: DirectoryCacheOptions = {}) {
    this.#repository = repository;
    this.#maxEntries = options.maxCachedEntries ?? DEFAULT_MAX_CACHED_ENTRIES;
    this.#maxDirectories = options.maxCachedDirectories ?? DEFAULT_MAX_CACHED_DIRECTORIES;
    this.#signal = options.signal;
  }

  /** CORRUPT_DATA if the object is no directory. */
  async load(id: ObjectID): Promise<CachedDirectory> {
    const known = this.#cached.get(id);
    if (known !== undefined) {
      this.#cached.delete(id);
      this.#cached.set(id, known);
      return known;
    }
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#read(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    return loading;
  }

  async #read(id: ObjectID): Promise<CachedDirectory> {
    const options = abortOptions({ signal: this.#signal });
    const giveBack = await this.#loads.acquire(1, options);
    try {
      const { entries } = await readDirectory(this.#repository, id, options);
      const directory = visibleEntries(entries);
      this.#keep(id, directory);
      return directory;
    } finally {
      giveBack();
    }
  }

  #keep(id: ObjectID, directory: CachedDirectory): void {
    this.#cached.set(id, directory);
    this.#entryCount += directory.entries.size;
    for (const [oldest, { entries }] of this.#cached) {
      const { size } = this.#cached;
      const isTooMuch = this.#entryCount > this.#maxEntries && size > 1;
      if (!isTooMuch && size <= this.#maxDirectories) return;
      this.#cached.delete(oldest);
      this.#entryCount -= entries.size;
    }
  }
}

/** Of two entries with one name the last counts, as everywhere. */
function visibleEntries(entries: readonly DirEntry[]): CachedDirectory {
  const visible = new Map<string, DirEntry & { readonly objectID: ObjectID }>();
  for (const entry of entries) if (isVisible(entry)) visible.set(entry.name, entry);
  return { entries: visible, omitted: entries.length - visible.size };
}

function isVisible(entry: DirEntry): entry is DirEntry & { readonly objectID: ObjectID } {
  const { name, type, objectID } = entry;
  const isKnown = type === 'f' || type === 'd';
  return isKnown && objectID !== undefined && isEntryName(name) && name.isWellFormed();
}
