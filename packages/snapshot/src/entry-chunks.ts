import {
  CorruptDataError,
  indexObjectID,
  LongshoreError,
  objectReference,
  type AbortOptions,
  type ObjectChunk,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import type { DirEntry } from './dir-manifest.ts';

/** Longest content that an index can hold: what an object-compressed chunk may claim to be before it is opened. */
const MAX_CHUNK_LENGTH = 2 ** 28 - 1;

/** What a file or symlink consists of. */
export interface EntryChunks {
  readonly objectID: ObjectID;
  /** Bytes of the object, which need not be what the entry says. */
  readonly length: number;
  readonly chunks: readonly ObjectChunk[];
}

/** True if the chunks are listed in an index object, which has to be read first. */
export function isIndirect({ objectID }: DirEntry): boolean {
  return objectID !== undefined && indexObjectID(objectID) !== undefined;
}

/** The one chunk of an entry that is not {@link isIndirect}. CORRUPT_DATA if it has no object, CONTENT_NOT_FOUND. */
export function directChunks(repository: Repository, entry: DirEntry): EntryChunks {
  const objectID = objectIDOf(entry);
  const { compressed, contentID } = objectReference(objectID);
  const info = repository.contents.contentInfo(contentID);
  if (info === undefined) {
    throw new LongshoreError(
      'CONTENT_NOT_FOUND',
      `object ${objectID}: content ${contentID} is in no index of the repository`,
      { contentID, objectID },
    );
  }
  if (compressed && entry.size > MAX_CHUNK_LENGTH) {
    throw new CorruptDataError(`object ${objectID}: one chunk of ${entry.size} bytes`, {
      objectID,
    });
  }
  // How long a compressed chunk is, its content alone can tell: it is held against the entry once it is opened.
  const length = compressed ? entry.size : info.originalLength;
  return { objectID, length, chunks: [{ start: 0, length, objectID }] };
}

/** The chunks of any file, with its index objects read. */
export async function entryChunks(
  repository: Repository,
  entry: DirEntry,
  options: AbortOptions = {},
): Promise<EntryChunks> {
  if (!isIndirect(entry)) return directChunks(repository, entry);
  const objectID = objectIDOf(entry);
  const chunks = await repository.objectChunks(objectID, options);
  const last = chunks.at(-1);
  if (last === undefined) throw new CorruptDataError(`object ${objectID}: no chunks`, { objectID });
  return { objectID, length: last.start + last.length, chunks };
}

function objectIDOf({ objectID }: DirEntry): ObjectID {
  if (objectID === undefined) throw new CorruptDataError('the entry has no object');
  return objectID;
}

/** An entry and its object differ in length. */
export function lengthMismatch(
  entry: DirEntry,
  { objectID, length }: EntryChunks,
): CorruptDataError {
  return new CorruptDataError(
    `object ${objectID} has ${length} bytes, its entry says ${entry.size}`,
    { objectID },
  );
}
