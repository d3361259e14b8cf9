import {
  CorruptDataError,
  isDirectoryObjectID,
  LongshoreError,
  objectReference,
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

/** The manifest of a directory's entry. CORRUPT_DATA if it has no object, INVALID_ARGUMENT if it is no directory's. */
export async function readEntryDirectory(
  repository: Repository,
  entry: DirEntry,
  options: ReadDirectoryOptions = {},
): Promise<DirManifest> {
  if (entry.type !== 'd') throw notADirectory(JSON.stringify(entry.name), entry);
  if (entry.objectID === undefined) {
    throw new CorruptDataError(`directory ${JSON.stringify(entry.name)} has no object`);
  }
  return readDirectory(repository, entry.objectID, options);
}

/** INVALID_ARGUMENT: says what stands where a directory was asked for. */
export function notADirectory(name: string, { type }: DirEntry): LongshoreError {
  const kind = type === 's' ? 'a symbolic link' : 'a file';
  return new LongshoreError('INVALID_ARGUMENT', `${name} is ${kind}, not a directory`);
}

/**
 * An entry for an object whose name and metadata are not known: a directory if its contents have prefix `k`, else a
 * file as long as the object is. OBJECT_NOT_FOUND if no index knows its content.
 */
export async function openObjectEntry(
  repository: Repository,
  id: ObjectID,
  options: AbortOptions = {},
): Promise<DirEntry> {
  if (repository.contents.contentInfo(objectReference(id).contentID) === undefined) {
    throw new LongshoreError('OBJECT_NOT_FOUND', `the repository has no snapshot or object ${id}`, {
      objectID: id,
    });
  }
  const described = { name: '', mtime: 0n, uid: 0, gid: 0, objectID: id } as const;
  if (isDirectoryObjectID(id)) return { ...described, type: 'd', mode: 0o755, size: 0 };
  await using reader = await repository.openObject(id, options);
  return { ...described, type: 'f', mode: 0o644, size: reader.length };
}

export interface FindEntryOptions extends ReadDirectoryOptions {
  /** What messages call the root; default: nothing, so that paths in them begin with a slash. */
  readonly rootName?: string;
}

/**
 * The entry at a path below `root`; empty parts of the path are skipped, so the empty path is `root` itself. Of
 * two entries with one name the last counts, as in Kopia. PATH_NOT_FOUND if there is none.
 */
export async function findEntry(
  repository: Repository,
  root: DirEntry,
  path: string,
  options: FindEntryOptions = {},
): Promise<DirEntry> {
  const { rootName = '' } = options;
  let entry = root;
  let reached = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    const at = `${rootName}${reached}` || '/';
    if (entry.type !== 'd') {
      const { message } = notADirectory(at, entry);
      throw new LongshoreError('PATH_NOT_FOUND', message, { path });
    }
    const { entries } = await readEntryDirectory(repository, entry, options);
    const child = entries.findLast((candidate) => candidate.name === name);
    if (child === undefined) {
      throw new LongshoreError('PATH_NOT_FOUND', `${at} has no ${JSON.stringify(name)}`, { path });
    }
    reached += `/${name}`;
    entry = child;
  }
  return entry;
}
