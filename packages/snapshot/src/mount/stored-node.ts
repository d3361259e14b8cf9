import { LongshoreError, type AbortOptions, type ObjectID } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import type { CachedDirectory, DirectoryCache } from './directory-cache.ts';
import type { MountedDirectory, MountedFile, MountedListing, MountedNode } from './mounted-node.ts';
import type { RepositoryView } from './repository-view.ts';

type StoredEntry = Pick<DirEntry, 'name' | 'type' | 'size' | 'mtime'> & {
  readonly objectID: ObjectID;
};

/** What all nodes of one mount share. */
export interface MountedTree {
  readonly view: RepositoryView;
  readonly directories: DirectoryCache;
}

/** The node that a stored entry stands for. */
export function storedNode(tree: MountedTree, entry: StoredEntry): MountedNode {
  return entry.type === 'd' ? new StoredDirectory(tree, entry) : new StoredFile(tree, entry);
}

class StoredFile implements MountedFile {
  readonly kind = 'file';
  readonly name: string;
  readonly size: number;
  readonly mtime: bigint;
  readonly objectID: ObjectID;
  readonly #tree: MountedTree;

  constructor(tree: MountedTree, { name, size, mtime, objectID }: StoredEntry) {
    this.#tree = tree;
    this.name = name;
    this.size = size;
    this.mtime = mtime;
    this.objectID = objectID;
  }

  async open(options: AbortOptions = {}): ReturnType<MountedFile['open']> {
    const { view } = this.#tree;
    await view.stayCurrent();
    return view.repository.openObject(this.objectID, options);
  }
}

class StoredDirectory implements MountedDirectory {
  readonly kind = 'directory';
  readonly name: string;
  readonly mtime: bigint;
  readonly #tree: MountedTree;
  readonly #objectID: ObjectID;

  constructor(tree: MountedTree, { name, mtime, objectID }: StoredEntry) {
    this.#tree = tree;
    this.name = name;
    this.mtime = mtime;
    this.#objectID = objectID;
  }

  async list(options: AbortOptions = {}): Promise<MountedListing> {
    options.signal?.throwIfAborted();
    await this.#tree.view.stayCurrent();
    return new StoredListing(this.#tree, await this.#tree.directories.load(this.#objectID));
  }
}

class StoredListing implements MountedListing {
  readonly omitted: number;
  readonly #tree: MountedTree;
  readonly #entries: CachedDirectory['entries'];

  constructor(tree: MountedTree, { entries, omitted }: CachedDirectory) {
    this.omitted = omitted;
    this.#tree = tree;
    this.#entries = entries;
  }

  *nodes(): Generator<MountedNode, void, void> {
    for (const entry of this.#entries.values()) yield storedNode(this.#tree, entry);
  }

  child(name: string): MountedNode | undefined {
    const entry = this.#entries.get(name);
    return entry && storedNode(this.#tree, entry);
  }
}

/** The node of a root, which must be there: INVALID_ARGUMENT if it is no directory. */
export function storedRoot(
  tree: MountedTree,
  { type, mtime, objectID }: DirEntry,
): MountedDirectory {
  if (type !== 'd' || objectID === undefined) {
    throw new LongshoreError('INVALID_ARGUMENT', 'only a directory can be mounted, not a file');
  }
  return new StoredDirectory(tree, { name: '', type, size: 0, mtime, objectID });
}
