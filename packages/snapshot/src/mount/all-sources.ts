import { abortOptions, type AbortOptions, type EpochNanoseconds } from '@longshore/repo';
import { compareSnapshotTimes, type SnapshotManifest } from '../snapshot-manifest.ts';
import { listSnapshots } from '../snapshot-store.ts';
import { compareUtf8 } from '../text-order.ts';
import {
  listingOf,
  type MountedDirectory,
  type MountedListing,
  type MountedNode,
} from './mounted-node.ts';
import { distinctNames, shownFileName, shownSnapshotName, shownSourceName } from './shown-names.ts';
import { storedNode, type MountedTree } from './stored-node.ts';

/** The whole repository as directories: `user@host`, then the path of the source, then the time of the snapshot. */
export class AllSources implements MountedDirectory {
  readonly kind = 'directory';
  readonly name = '';
  readonly #tree: MountedTree;
  readonly #signal: AbortSignal | undefined;
  /** Made once for each generation of the view. */
  #listing: Promise<MountedListing> | undefined;
  #generation = -1;
  #mtime: EpochNanoseconds = 0n;

  constructor(tree: MountedTree, { signal }: AbortOptions = {}) {
    this.#tree = tree;
    this.#signal = signal;
  }

  /** Start of the newest snapshot when they were last listed. */
  get mtime(): EpochNanoseconds {
    return this.#mtime;
  }

  async list({ signal }: AbortOptions = {}): Promise<MountedListing> {
    signal?.throwIfAborted();
    const { view } = this.#tree;
    await view.stayCurrent();
    if (this.#listing === undefined || this.#generation !== view.generation) {
      this.#generation = view.generation;
      const listing = this.#arrange();
      this.#listing = listing;
      listing.catch(() => {
        if (this.#listing === listing) this.#listing = undefined;
      });
    }
    return this.#listing;
  }

  async #arrange(): Promise<MountedListing> {
    const options = abortOptions({ signal: this.#signal });
    const snapshots = await listSnapshots(this.#tree.view.repository, undefined, options);
    this.#mtime = newestStart(snapshots);
    return arrangedBy(
      ({ source }) => `${source.userName}@${source.host}`,
      snapshots,
      (ofOwner) =>
        arrangedBy(
          ({ source }) => source.path,
          ofOwner,
          (ofSource) => snapshotListing(this.#tree, ofSource),
        ),
    );
  }
}

/** A directory for each group of snapshots. */
function arrangedBy(
  keyOf: (snapshot: SnapshotManifest) => string,
  snapshots: readonly SnapshotManifest[],
  list: (group: readonly SnapshotManifest[]) => MountedListing,
): MountedListing {
  const groups = [...Map.groupBy(snapshots, keyOf)].sort(([a], [b]) => compareUtf8(a, b));
  const names = distinctNames(groups.map(([key]) => shownSourceName(key)));
  return listingOf(
    groups.map(([, group], index) => arrangedDirectory(names[index], group, () => list(group))),
  );
}

function arrangedDirectory(
  name = '',
  snapshots: readonly SnapshotManifest[],
  list: () => MountedListing,
): MountedDirectory {
  let listing: MountedListing | undefined;
  return {
    kind: 'directory',
    name,
    mtime: newestStart(snapshots),
    list: async () => (listing ??= list()),
  };
}

function newestStart(snapshots: readonly SnapshotManifest[]): EpochNanoseconds {
  return snapshots.reduce((newest, { startTime }) => (startTime > newest ? startTime : newest), 0n);
}

/** Snapshots of one source; those without a root are left out. */
function snapshotListing(
  tree: MountedTree,
  snapshots: readonly SnapshotManifest[],
): MountedListing {
  const sorted = snapshots.toSorted(compareSnapshotTimes);
  const names = distinctNames(sorted.map(shownSnapshotName));
  return listingOf(
    sorted.flatMap((snapshot, index) => snapshotNode(tree, snapshot, names[index]) ?? []),
  );
}

/** A snapshot of a single file is a directory with that file. */
function snapshotNode(
  tree: MountedTree,
  snapshot: SnapshotManifest,
  name = '',
): MountedNode | undefined {
  const { rootEntry: root, startTime: mtime } = snapshot;
  if (root?.objectID === undefined) return undefined;
  const { objectID, type, size } = root;
  if (type === 'd') return storedNode(tree, { name, type, size, mtime, objectID });
  const only = storedNode(tree, { ...root, name: shownFileName(root.name), objectID });
  return { kind: 'directory', name, mtime, list: async () => listingOf([only]) };
}
