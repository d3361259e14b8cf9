import {
  isDirectoryObjectID,
  LongshoreError,
  type AbortOptions,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import type { DirEntry, DirManifest } from './dir-manifest.ts';
import { parseDirectoryStream } from './directory-stream.ts';

/** Bytes. A directory whose stream is larger is refused: about two million entries. */
const MAX_DIRECTORY_STREAM_BYTES: number = 400 * 1024 * 1024;

export interface ReadDirectoryOptions extends AbortOptions {
  /** Bytes; default: {@link MAX_DIRECTORY_STREAM_BYTES}. */
  readonly maxStreamBytes?: number;
}

/**
 * The manifest of a directory object, whole in memory. CORRUPT_DATA if it is not one, UNSUPPORTED if it is
 * larger than the limit.
 */
export async function readDirectory(
  repository: Repository,
  id: ObjectID,
  options: ReadDirectoryOptions = {},
): Promise<DirManifest> {
  return parseDirectoryStream(
    await readDirectoryStream(repository, id, options),
    `directory ${id}`,
  );
}

/** The bytes of a directory object, owned by the caller. UNSUPPORTED if there are more than the limit. */
export async function readDirectoryStream(
  repository: Repository,
  id: ObjectID,
  options: ReadDirectoryOptions = {},
): Promise<Uint8Array> {
  const { maxStreamBytes = MAX_DIRECTORY_STREAM_BYTES } = options;
  await using reader = await repository.openObject(id, options);
  if (reader.length > maxStreamBytes) {
    throw new LongshoreError(
      'UNSUPPORTED',
      `directory ${id} has a stream of ${reader.length} bytes, above the limit of ${maxStreamBytes}`,
      { objectID: id },
    );
  }
  return reader.read({ offset: 0, length: reader.length }, options);
}

/** The manifest of the directory that an entry stands for. CORRUPT_DATA if it stands for something else. */
export async function readEntryDirectory(
  repository: Repository,
  entry: DirEntry,
  options: ReadDirectoryOptions = {},
): Promise<DirManifest> {
  if (entry.type !== 'd' || entry.objectID === undefined) {
    throw new LongshoreError('CORRUPT_DATA', `entry ${JSON.stringify(entry.name)} is no directory`);
  }
  return readDirectory(repository, entry.objectID, options);
}

/** An entry for an object whose name and metadata are not known: a directory if its contents have prefix `k`. */
export function entryOfObject(id: ObjectID): DirEntry {
  const isDirectory = isDirectoryObjectID(id);
  return {
    name: '',
    type: isDirectory ? 'd' : 'f',
    mode: isDirectory ? 0o755 : 0o644,
    size: 0,
    mtime: 0n,
    uid: 0,
    gid: 0,
    objectID: id,
  };
}

/**
 * The entry at a path below `root`; empty parts of the path are skipped, so the empty path is `root` itself. Of
 * two entries with one name the last counts, as in Kopia. PATH_NOT_FOUND if there is none.
 */
export async function findEntry(
  repository: Repository,
  root: DirEntry,
  path: string,
  options: ReadDirectoryOptions = {},
): Promise<DirEntry> {
  let entry = root;
  let reached = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    if (entry.type !== 'd') throw pathNotFound(path, `${reached || '/'} is not a directory`);
    const { entries } = await readEntryDirectory(repository, entry, options);
    const child = entries.findLast((candidate) => candidate.name === name);
    reached += `/${name}`;
    if (child === undefined) throw pathNotFound(path, `there is no ${reached}`);
    entry = child;
  }
  return entry;
}

function pathNotFound(path: string, reason: string): LongshoreError {
  return new LongshoreError('PATH_NOT_FOUND', `path ${JSON.stringify(path)}: ${reason}`, { path });
}
