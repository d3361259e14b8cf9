import {
  isDirectoryObjectID,
  LongshoreError,
  parseObjectID,
  type AbortOptions,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import type { DirEntry } from './dir-manifest.ts';
import { findEntry, notADirectory, openObjectEntry } from './repository-entry.ts';
import { compareSnapshotTimes, type SnapshotManifest } from './snapshot-manifest.ts';
import { listSnapshots } from './snapshot-store.ts';

/** What `<manifest ID or root object ID>[/path]` names. */
export interface SnapshotReference {
  /** Oldest first. Several only if they share a root object; none if the text names another object. */
  readonly snapshots: readonly SnapshotManifest[];
  /** The object named by an object ID. */
  readonly objectID: ObjectID | undefined;
  /** Below the root; empty for the root itself. */
  readonly path: string;
}

/**
 * Looks a snapshot up by manifest ID, root object ID or either followed by a path. An object ID that is no
 * snapshot's root still names its object. INVALID_ARGUMENT if the text is neither.
 */
export async function findSnapshotReference(
  repository: Repository,
  text: string,
  options: AbortOptions = {},
): Promise<SnapshotReference> {
  const { id, path } = splitReference(text);
  const all = await listSnapshots(repository, undefined, options);
  const byID = all.find((snapshot) => snapshot.id === id);
  if (byID !== undefined) return { snapshots: [byID], objectID: undefined, path };
  const objectID = parseReferencedObject(id, text);
  const snapshots = all
    .filter(({ rootEntry }) => rootEntry?.objectID === objectID)
    .sort(compareSnapshotTimes);
  return { snapshots, objectID, path };
}

function splitReference(text: string): { readonly id: string; readonly path: string } {
  const slash = text.search(/[/\\]/);
  if (slash < 0) return { id: text, path: '' };
  return { id: text.slice(0, slash), path: text.slice(slash + 1).replaceAll('\\', '/') };
}

/** Undefined also for what could be the ID of a snapshot, which has no prefix. */
function directoryNamed(id: string): ObjectID | undefined {
  try {
    const objectID = parseObjectID(id);
    return isDirectoryObjectID(objectID) ? objectID : undefined;
  } catch {
    return undefined;
  }
}

function parseReferencedObject(id: string, text: string): ObjectID {
  try {
    return parseObjectID(id);
  } catch (cause) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} does not begin with the ID of a snapshot or object`,
      { cause, field: 'reference' },
    );
  }
}

/**
 * The entry that a reference names. Among several snapshots with one root object the latest gives the root's
 * metadata. PATH_NOT_FOUND if the path or the snapshot's root is missing, OBJECT_NOT_FOUND if there is no such snapshot
 * or object.
 */
export async function findReferencedEntry(
  repository: Repository,
  text: string,
  options: AbortOptions = {},
): Promise<DirEntry> {
  const named = splitReference(text);
  const directory = directoryNamed(named.id);
  // What lies below a directory is the same whichever snapshots have it: the manifests need not be read.
  if (directory !== undefined && /[^/]/.test(named.path)) {
    const root = await openObjectEntry(repository, directory, options);
    return findEntry(repository, root, named.path, { ...options, rootName: named.id });
  }
  const { snapshots, objectID, path } = await findSnapshotReference(repository, text, options);
  const root =
    snapshots.at(-1)?.rootEntry ??
    (objectID && (await openObjectEntry(repository, objectID, options)));
  if (root === undefined) {
    throw new LongshoreError('PATH_NOT_FOUND', `snapshot ${text} has no root`, { path });
  }
  const rootName = text.slice(0, text.length - path.length).replace(/[/\\]$/, '');
  return findEntry(repository, root, path, { ...options, rootName });
}

/** As {@link findReferencedEntry}; INVALID_ARGUMENT if what it names is no directory. */
export async function findReferencedDirectory(
  repository: Repository,
  text: string,
  options: AbortOptions = {},
): Promise<DirEntry> {
  const entry = await findReferencedEntry(repository, text, options);
  if (entry.type !== 'd') throw notADirectory(text, entry);
  return entry;
}
