import {
  objectReference,
  type AbortOptions,
  type ContentID,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { isDamage } from '../damage.ts';
import type { DirEntry, DirManifest } from '../dir-manifest.ts';
import { readEntryDirectory } from '../repository-entry.ts';
import type { SnapshotManifest } from '../snapshot-manifest.ts';
import { listSnapshots } from '../snapshot-store.ts';
import { RecentMap } from '../verify/recent-map.ts';

/** Objects that are remembered as untouched. */
const MAX_REMEMBERED = 1_000_000;

/** One file or directory of one snapshot that stands on lost contents. */
export interface DamagedEntry {
  readonly snapshot: SnapshotManifest;
  /** From the root, with `/`; empty for the root itself. Of a lost directory, nothing below is known. */
  readonly path: string;
  readonly entry: DirEntry;
  /** The first one that is lost. */
  readonly contentID: ContentID;
}

/**
 * Which files of which snapshots stand on contents that are lost: what there is to tell those who own them. Each
 * directory without loss is read once, however many snapshots share it.
 */
export async function* findDamagedEntries(
  repository: Repository,
  isLost: (id: ContentID) => boolean,
  options: AbortOptions = {},
): AsyncGenerator<DamagedEntry, void, void> {
  const search = new DamageSearch(repository, isLost, options);
  for (const snapshot of await listSnapshots(repository, undefined, options)) {
    if (snapshot.rootEntry !== undefined) yield* search.visit(snapshot, snapshot.rootEntry, '');
  }
}

class DamageSearch {
  readonly #repository: Repository;
  readonly #isLost: (id: ContentID) => boolean;
  readonly #options: AbortOptions;
  readonly #untouched: RecentMap<ObjectID, true> = new RecentMap(MAX_REMEMBERED);

  constructor(repository: Repository, isLost: (id: ContentID) => boolean, options: AbortOptions) {
    this.#repository = repository;
    this.#isLost = isLost;
    this.#options = options;
  }

  /** True if nothing at or below the entry is lost. */
  async *visit(
    snapshot: SnapshotManifest,
    entry: DirEntry,
    path: string,
  ): AsyncGenerator<DamagedEntry, boolean, void> {
    const { objectID } = entry;
    if (objectID === undefined || this.#untouched.has(objectID)) return true;
    this.#options.signal?.throwIfAborted();
    const contentID = await this.#firstLost(objectID);
    if (contentID !== undefined) {
      yield { snapshot, path, entry, contentID };
      return false;
    }
    const isUntouched = entry.type !== 'd' || (yield* this.#visitChildren(snapshot, entry, path));
    if (isUntouched) this.#untouched.set(objectID, true);
    return isUntouched;
  }

  async *#visitChildren(
    snapshot: SnapshotManifest,
    directory: DirEntry,
    path: string,
  ): AsyncGenerator<DamagedEntry, boolean, void> {
    let manifest: DirManifest;
    try {
      manifest = await readEntryDirectory(this.#repository, directory, this.#options);
    } catch (error) {
      if (!isDamage(error) || directory.objectID === undefined) throw error;
      // Lost in a way that nobody knew of.
      const { contentID } = objectReference(directory.objectID);
      yield { snapshot, path, entry: directory, contentID };
      return false;
    }
    let isUntouched = true;
    for (const child of manifest.entries) {
      const childPath = path === '' ? child.name : `${path}/${child.name}`;
      if (!(yield* this.visit(snapshot, child, childPath))) isUntouched = false;
    }
    return isUntouched;
  }

  async #firstLost(id: ObjectID): Promise<ContentID | undefined> {
    const { contentID, indirection } = objectReference(id);
    if (this.#isLost(contentID)) return contentID;
    if (indirection === 0) return undefined;
    try {
      for await (const backing of this.#repository.verifyObject(id, this.#options)) {
        if (this.#isLost(backing)) return backing;
      }
      return undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return contentID;
    }
  }
}
