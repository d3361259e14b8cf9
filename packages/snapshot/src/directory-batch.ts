import {
  abortOptions,
  CorruptDataError,
  indexObjectID,
  objectReference,
  type AbortOptions,
  type ContentID,
  type ObjectID,
  type ReadContentsOptions,
  type Repository,
} from '@longshore/repo';
import { isDamage } from './damage.ts';
import { readDespiteDamage } from './damage-tolerant-read.ts';
import type { DirManifest } from './dir-manifest.ts';
import { parseDirectoryStream } from './directory-stream.ts';
import { readDirectoryStream } from './repository-entry.ts';

/** Directories that are loaded together. */
export const MAX_BATCH_DIRECTORIES = 64;

/** Bytes of the streams that are loaded together, unless a single one is larger: several times as much is held meanwhile. */
export const MAX_BATCH_STREAM_BYTES: number = 2 * 1024 * 1024;

/** What became of one directory: its manifest, or the damage that hides it. */
export type DirectoryResult =
  | { readonly manifest: DirManifest }
  | { readonly manifest?: undefined; readonly error: unknown };

/**
 * Takes from the end of `stack` as many as may be loaded together, at least one; those with an index object, which
 * are large, stand alone.
 */
export function takeDirectoryBatch<T>(
  repository: Repository,
  stack: T[],
  objectIDOf: (item: T) => ObjectID | undefined,
): readonly T[] {
  const batch: T[] = [];
  let bytes = 0;
  for (let item = stack.at(-1); item !== undefined; item = stack.at(-1)) {
    const length = streamLength(repository, objectIDOf(item));
    if (batch.length > 0 && bytes + length > MAX_BATCH_STREAM_BYTES) break;
    batch.push(item);
    stack.pop();
    bytes += length;
    if (batch.length === MAX_BATCH_DIRECTORIES) break;
  }
  return batch;
}

function streamLength(repository: Repository, id: ObjectID | undefined): number {
  if (id === undefined) return 0;
  if (!isPlainObject(id)) return MAX_BATCH_STREAM_BYTES;
  return repository.contents.contentInfo(objectReference(id).contentID)?.originalLength ?? 0;
}

/** The object is one content as it is. */
export function isPlainObject(id: ObjectID): boolean {
  return indexObjectID(id) === undefined && !objectReference(id).compressed;
}

/** A directory of a batch. It stays in its stored form until it is wanted: its entries take several times as much. */
export interface LoadedDirectory {
  /** Made anew by each call. */
  parse(): DirectoryResult;
}

/**
 * Loads several directories with one bulk read, those with an index object one by one. Results are in the order of
 * `ids`. Damage strikes one directory only; anything else is thrown.
 */
export async function readDirectoryBatch(
  repository: Repository,
  ids: readonly (ObjectID | undefined)[],
  options: ReadContentsOptions = {},
): Promise<readonly LoadedDirectory[]> {
  const loaded = new Map<ObjectID, LoadedDirectory>();
  const plain = new Map<ContentID, ObjectID>();
  for (const id of ids) {
    if (id !== undefined && isPlainObject(id)) plain.set(objectReference(id).contentID, id);
  }
  await readDespiteDamage(
    repository.contents,
    plain.keys(),
    (contentID, data) => {
      const id = plain.get(contentID);
      if (id !== undefined) loaded.set(id, new StoredDirectory(id, data));
    },
    {
      ...options,
      onDamage: (contentID, error) => {
        const id = plain.get(contentID);
        if (id !== undefined) loaded.set(id, new LostDirectory(error));
      },
    },
  );
  for (const id of ids) {
    if (id === undefined || loaded.has(id)) continue;
    loaded.set(id, await readSingly(repository, id, options));
  }
  return ids.map((id) => (id === undefined ? undefined : loaded.get(id)) ?? NO_OBJECT);
}

class StoredDirectory implements LoadedDirectory {
  readonly #id: ObjectID;
  readonly #stream: Uint8Array;

  constructor(id: ObjectID, stream: Uint8Array) {
    this.#id = id;
    this.#stream = stream;
  }

  parse(): DirectoryResult {
    try {
      return { manifest: parseDirectoryStream(this.#stream, `directory ${this.#id}`) };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { error };
    }
  }
}

class LostDirectory implements LoadedDirectory {
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  parse(): DirectoryResult {
    return { error: this.#error };
  }
}

const NO_OBJECT: LoadedDirectory = new LostDirectory(
  new CorruptDataError('the directory entry has no object'),
);

async function readSingly(
  repository: Repository,
  id: ObjectID,
  { signal }: AbortOptions,
): Promise<LoadedDirectory> {
  try {
    return new StoredDirectory(
      id,
      await readDirectoryStream(repository, id, abortOptions({ signal })),
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (!isDamage(error)) throw error;
    return new LostDirectory(error);
  }
}
