import {
  ContentIDSet,
  CorruptDataError,
  objectReference,
  type AbortOptions,
  type ContentID,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { atPath } from '../damage.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { readDirectoryBatch, takeDirectoryBatch } from '../directory-batch.ts';
import { unindexed } from '../verify/pack-lengths.ts';
import { listSnapshots } from '../snapshot-store.ts';

/** A directory that is yet to be read, and where it was met first. */
interface PendingDirectory {
  readonly path: string;
  readonly objectID: ObjectID;
}

/**
 * Every content that any snapshot stands on, incomplete snapshots included: contents of files, directories and
 * index objects. Fails at the first one that is missing from the index and at the first directory that cannot be
 * read, since what lies behind it is unknown. Each object is looked at once. Memory: see {@link ContentIDSet}, plus
 * the directories that were met and not yet read.
 */
export async function findUsedContents(
  repository: Repository,
  options: AbortOptions = {},
): Promise<ContentIDSet> {
  const search = new UsedContentSearch(repository, options);
  for (const { id, rootEntry } of await listSnapshots(repository, undefined, options)) {
    if (rootEntry === undefined) {
      throw new CorruptDataError(
        `snapshot ${id} has no root, so that nobody knows what it needs: delete it first`,
        { manifestID: id },
      );
    }
    await search.addTree(`snapshot ${id}`, rootEntry);
  }
  return search.used;
}

class UsedContentSearch {
  readonly used: ContentIDSet = new ContentIDSet();
  readonly #repository: Repository;
  readonly #options: AbortOptions;
  /** First contents of directories that are read or pending. */
  readonly #directories: ContentIDSet = new ContentIDSet();
  /** Contents of index objects of one level whose chunks are in `used`. */
  readonly #indexes: ContentIDSet = new ContentIDSet();

  constructor(repository: Repository, options: AbortOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  async addTree(path: string, root: DirEntry): Promise<void> {
    const stack: PendingDirectory[] = [];
    await this.#addEntry(path, root, stack);
    while (stack.length > 0) {
      this.#options.signal?.throwIfAborted();
      const batch = takeDirectoryBatch(this.#repository, stack, ({ objectID }) => objectID);
      const ids = batch.map(({ objectID }) => objectID);
      const directories = await readDirectoryBatch(this.#repository, ids, this.#options);
      for (const [position, { path: directory, objectID }] of batch.entries()) {
        const { manifest, error } = { error: undefined, ...directories[position]!.parse() };
        if (manifest === undefined) throw atPath(directory, objectID, error);
        for (const entry of manifest.entries) {
          await this.#addEntry(`${directory}/${entry.name}`, entry, stack);
        }
      }
    }
  }

  async #addEntry(path: string, entry: DirEntry, stack: PendingDirectory[]): Promise<void> {
    const { objectID, type } = entry;
    if (objectID === undefined) {
      throw new CorruptDataError(`${path}: the entry has no object`, { path });
    }
    try {
      await this.#addObject(objectID);
    } catch (error) {
      throw atPath(path, objectID, error);
    }
    const { contentID } = objectReference(objectID);
    if (type === 'd' && this.#directories.add(contentID)) stack.push({ path, objectID });
  }

  /** The contents of one object; those of an index object of one level that was met before are known. */
  async #addObject(objectID: ObjectID): Promise<void> {
    const { contentID, indirection } = objectReference(objectID);
    if (indirection === 0) {
      this.#addContent(contentID);
      return;
    }
    if (indirection === 1 && this.#indexes.has(contentID)) return;
    for await (const backing of this.#repository.verifyObject(objectID, this.#options)) {
      this.#addContent(backing);
    }
    if (indirection === 1) this.#indexes.add(contentID);
  }

  /** Missing means that no index names it; one that is marked deleted is there. */
  #addContent(contentID: ContentID): void {
    if (this.used.has(contentID)) return;
    if (this.#repository.contents.contentInfo(contentID) === undefined) throw unindexed(contentID);
    this.used.add(contentID);
  }
}
