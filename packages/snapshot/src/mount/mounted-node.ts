import type { AbortOptions, EpochNanoseconds, ObjectID, ObjectReader } from '@longshore/repo';

/** A file of a mounted tree. */
export interface MountedFile {
  readonly kind: 'file';
  readonly name: string;
  /** Bytes, as its directory says; the reader knows for certain. */
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  /** Same ID, same bytes. */
  readonly objectID: ObjectID;
  open(options?: AbortOptions): Promise<ObjectReader>;
}

/** A directory of a mounted tree: a stored one, or one that only arranges snapshots. */
export interface MountedDirectory {
  readonly kind: 'directory';
  readonly name: string;
  readonly mtime: EpochNanoseconds;
  list(options?: AbortOptions): Promise<MountedListing>;
}

export type MountedNode = MountedFile | MountedDirectory;

/** What a directory holds. Every name is one path component, and is there once. */
export interface MountedListing {
  /** Entries that are not shown: symlinks, what has an unsafe name, what is neither file nor directory. */
  readonly omitted: number;
  /** Made one by one as they are asked for: a directory may have a million. */
  nodes(): Iterable<MountedNode>;
  child(name: string): MountedNode | undefined;
}

/** A listing of nodes that are all there already. */
export function listingOf(nodes: readonly MountedNode[]): MountedListing {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return { omitted: 0, nodes: () => nodes, child: (name) => byName.get(name) };
}

/** The node at a path; undefined if there is none. The empty path is the directory itself. */
export async function findMountedNode(
  directory: MountedDirectory,
  path: readonly string[],
  options: AbortOptions = {},
): Promise<MountedNode | undefined> {
  let node: MountedNode | undefined = directory;
  for (const name of path) {
    if (node?.kind !== 'directory') return undefined;
    node = (await node.list(options)).child(name);
  }
  return node;
}
