import {
  abortOptions,
  describeError,
  LongshoreError,
  type AbortOptions,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { isDamage } from '../damage.ts';
import type { DirEntry } from '../dir-manifest.ts';
import type {
  DirectoryEntry,
  Entry,
  EntryMetadata,
  FileEntry,
  FileReader,
  StreamedPart,
} from '../entry.ts';
import { readEntryDirectory } from '../repository-entry.ts';

/** Bytes of a symlink's target; no file system takes more than 64 KiB. */
const MAX_TARGET_LENGTH = 64 * 1024;

/** Bytes of a file that is read before it is asked for. */
const MAX_PRELOADED_LENGTH = 16 * 1024 * 1024;

export interface RepositorySourceOptions {
  /**
   * Names of files that an upload reads at once, ignore files and cache tags: they are loaded with their directory.
   * Default: none, for an upload without ignore rules.
   */
  readonly preloaded?: ReadonlySet<string>;
}

/**
 * The tree of a snapshot as a source of an upload. Metadata are those that are stored; what cannot be read is
 * SOURCE_UNREADABLE, and costs the upload one entry. INVALID_ARGUMENT if the root is neither directory nor file.
 */
export function openRepositorySource(
  repository: Repository,
  root: DirEntry,
  { preloaded = new Set() }: RepositorySourceOptions = {},
): DirectoryEntry | FileEntry {
  const source = new RepositorySource(repository, preloaded);
  if (root.type === 'd') return source.directory(root);
  if (root.type === 'f') return source.file(root, undefined);
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `a root of type ${JSON.stringify(root.type)} cannot be uploaded`,
  );
}

class RepositorySource {
  readonly #repository: Repository;
  readonly #preloaded: ReadonlySet<string>;

  constructor(repository: Repository, preloaded: ReadonlySet<string>) {
    this.#repository = repository;
    this.#preloaded = preloaded;
  }

  directory(entry: DirEntry): DirectoryEntry {
    return {
      ...metadataOf(entry),
      type: 'd',
      readChildren: (options = {}) => this.#readChildren(entry, options),
    };
  }

  file(entry: DirEntry, content: Uint8Array | undefined): FileEntry {
    return {
      ...metadataOf(entry),
      type: 'f',
      open: () => openLoaded(entry, content),
      readWhole: (target) => {
        const bytes = loaded(entry, content);
        if (bytes.length > target.length) return undefined;
        target.set(bytes);
        return bytes.length;
      },
      stream: (part, options) => this.#stream(entry, part, options ?? {}),
    };
  }

  /** Of several entries with one name the last counts, as in Kopia. */
  async #readChildren(directory: DirEntry, options: AbortOptions): Promise<readonly Entry[]> {
    const { entries } = await readable(directory, () =>
      readEntryDirectory(this.#repository, directory, options),
    );
    const children: Entry[] = [];
    for (const entry of new Map(entries.map((each) => [each.name, each])).values()) {
      children.push(await this.#child(entry, options));
    }
    return children;
  }

  async #child(entry: DirEntry, options: AbortOptions): Promise<Entry> {
    if (entry.type === 'd') return this.directory(entry);
    try {
      if (entry.type === 'f') {
        const content = this.#preloaded.has(entry.name)
          ? await this.#load(entry, MAX_PRELOADED_LENGTH, options)
          : undefined;
        return this.file(entry, content);
      }
      if (entry.type === 's') {
        const target = await this.#load(entry, MAX_TARGET_LENGTH, options);
        return {
          ...metadataOf(entry),
          type: 's',
          readTarget: () => target,
          resolve: () => undefined,
        };
      }
      throw unreadable(entry, `its type is ${JSON.stringify(entry.type)}`);
    } catch (error) {
      if (!(error instanceof LongshoreError) || error.code !== 'SOURCE_UNREADABLE') throw error;
      return { ...metadataOf(entry), type: 'e', expectedType: 'f', error };
    }
  }

  async #load(entry: DirEntry, maxLength: number, options: AbortOptions): Promise<Uint8Array> {
    return readable(entry, async () => {
      await using reader = await this.#repository.openObject(objectOf(entry), options);
      if (reader.length > maxLength) throw unreadable(entry, `it has ${reader.length} bytes`);
      return reader.read({ offset: 0, length: reader.length }, options);
    });
  }

  async *#stream(
    entry: DirEntry,
    { start, length }: StreamedPart,
    { signal }: AbortOptions,
  ): AsyncGenerator<Uint8Array, void, void> {
    const options = abortOptions({ signal });
    try {
      await using reader = await this.#repository.openObject(objectOf(entry), options);
      const left = Math.max(0, reader.length - start);
      const range = { offset: start, length: Math.min(length ?? left, left) };
      if (range.length > 0) yield* reader.stream({ ...options, range });
    } catch (error) {
      throw asUnreadable(entry, error);
    }
  }
}

function metadataOf(entry: DirEntry): EntryMetadata {
  const { name, rawName, mode, size, mtime, uid, gid } = entry;
  return { name, rawName, mode, size, mtime, uid, gid, device: 0n, inode: 0n };
}

function objectOf(entry: DirEntry): ObjectID {
  if (entry.objectID === undefined) throw unreadable(entry, 'it has no object');
  return entry.objectID;
}

async function readable<T>(entry: DirEntry, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw asUnreadable(entry, error);
  }
}

/** Damage of one entry is an error of the source; a storage that does not answer is none, and ends the upload. */
function asUnreadable(entry: DirEntry, error: unknown): unknown {
  return isDamage(error) ? unreadable(entry, describeError(error), error) : error;
}

function unreadable(entry: DirEntry, reason: string, cause?: unknown): LongshoreError {
  return new LongshoreError('SOURCE_UNREADABLE', `${entry.name}: ${reason}`, {
    path: entry.name,
    ...(cause === undefined ? {} : { cause }),
  });
}

function loaded(entry: DirEntry, content: Uint8Array | undefined): Uint8Array {
  if (content !== undefined) return content;
  throw unreadable(entry, 'its content can only be streamed');
}

function openLoaded(entry: DirEntry, content: Uint8Array | undefined): FileReader {
  const bytes = loaded(entry, content);
  let next = 0;
  return {
    readInto: (target, position = next) => {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      next = position + part.length;
      return part.length;
    },
    dataRegions: (size) => (size > 0 ? [{ offset: 0, length: size }] : []),
    close: () => {},
  };
}
