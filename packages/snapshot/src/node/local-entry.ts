import { Buffer } from 'node:buffer';
import {
  constants,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { AbortOptions, EpochNanoseconds } from '@longshore/repo';
import { readWholeFile } from '@longshore/repo/node';
import type {
  DirectoryEntry,
  Entry,
  EntryMetadata,
  ErrorEntry,
  FileEntry,
  FileReader,
  SymlinkEntry,
  UnknownEntry,
} from '../entry.ts';
import { goModeFromPosix } from '../mode.ts';
import { createSystemCalls } from './create-system-calls.ts';
import { openLocalFile } from './local-file-reader.ts';
import {
  joinLocalPath,
  localName,
  localPath,
  type LocalName,
  type LocalPath,
} from './local-path.ts';
import type { SystemCalls } from './system-calls.ts';
import { sourceError, systemErrorCode } from './system-error.ts';

// Entries are examined synchronously, at some 4 us each; timers and sockets get their turn between batches.
const ENTRIES_PER_TURN = 2048;

const REPLACEMENT_CHARACTER = '\ufffd';

export interface LocalEntryOptions {
  /** Default: what `createSystemCalls` finds. */
  readonly systemCalls?: SystemCalls;
}

/**
 * The entry at a path of this machine, with nanosecond times and names as bytes. Symlinks in `path` itself are resolved,
 * so the entry has the name of what they lead to; below it nothing is followed. SOURCE_UNREADABLE if it is not there.
 */
export function openLocalEntry(path: string, options: LocalEntryOptions = {}): Entry {
  const systemCalls = options.systemCalls ?? createSystemCalls();
  try {
    const resolved = realpathSync.native(path, { encoding: 'buffer' });
    const stats = lstatSync(resolved, { bigint: true });
    const base = resolved.subarray(resolved.lastIndexOf('/') + 1);
    // Kopia, too, names the root of the file system by its path.
    const name = localName(base.length === 0 ? resolved : base);
    return createEntry(localPath(resolved), name, stats, systemCalls);
  } catch (cause) {
    throw sourceError('examine', path, cause);
  }
}

function createEntry(
  path: LocalPath,
  name: LocalName,
  stats: BigIntStats,
  systemCalls: SystemCalls,
): Entry {
  switch (Number(stats.mode) & constants.S_IFMT) {
    case constants.S_IFREG:
      return new LocalFile(path, name, stats, systemCalls);
    case constants.S_IFDIR:
      return new LocalDirectory(path, name, stats, systemCalls);
    case constants.S_IFLNK:
      return new LocalSymlink(path, name, stats, systemCalls);
    default:
      return new LocalUnknown(path, name, stats);
  }
}

abstract class LocalMetadata implements EntryMetadata {
  readonly name: string;
  readonly rawName: Uint8Array | undefined;
  readonly mode: number;
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  readonly uid: number;
  readonly gid: number;
  readonly device: bigint;
  readonly inode: bigint;
  protected readonly path: LocalPath;

  constructor(path: LocalPath, name: LocalName, stats: BigIntStats, size: number) {
    this.path = path;
    this.name = name.name;
    this.rawName = name.rawName;
    this.mode = goModeFromPosix(Number(stats.mode));
    this.size = size;
    this.mtime = stats.mtimeNs;
    this.uid = Number(stats.uid);
    this.gid = Number(stats.gid);
    this.device = stats.dev;
    this.inode = stats.ino;
  }
}

class LocalFile extends LocalMetadata implements FileEntry {
  readonly type = 'f';
  readonly #systemCalls: SystemCalls;

  constructor(path: LocalPath, name: LocalName, stats: BigIntStats, systemCalls: SystemCalls) {
    super(path, name, stats, Number(stats.size));
    this.#systemCalls = systemCalls;
  }

  get localPath(): LocalPath {
    return this.path;
  }

  open(): FileReader {
    return openLocalFile(this.path, this.#systemCalls);
  }

  readWhole(target: Uint8Array): number | undefined {
    return readWholeFile(this.path, target);
  }
}

class LocalSymlink extends LocalMetadata implements SymlinkEntry {
  readonly type = 's';
  readonly #systemCalls: SystemCalls;

  constructor(path: LocalPath, name: LocalName, stats: BigIntStats, systemCalls: SystemCalls) {
    super(path, name, stats, Number(stats.size));
    this.#systemCalls = systemCalls;
  }

  readTarget(): Uint8Array {
    try {
      return readlinkSync(this.path, { encoding: 'buffer' });
    } catch (cause) {
      throw sourceError('read symlink', this.path.toString(), cause);
    }
  }

  resolve(): Entry {
    try {
      const resolved = realpathSync.native(this.path, { encoding: 'buffer' });
      const stats = lstatSync(resolved, { bigint: true });
      const name = localName(resolved.subarray(resolved.lastIndexOf('/') + 1));
      return createEntry(localPath(resolved), name, stats, this.#systemCalls);
    } catch (cause) {
      throw sourceError('resolve symlink', this.path.toString(), cause);
    }
  }
}

class LocalUnknown extends LocalMetadata implements UnknownEntry {
  readonly type = 'unknown';
  readonly kind: UnknownEntry['kind'];

  constructor(path: LocalPath, name: LocalName, stats: BigIntStats) {
    super(path, name, stats, 0);
    this.kind = unknownKind(stats);
  }
}

function unknownKind(stats: BigIntStats): UnknownEntry['kind'] {
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  if (stats.isBlockDevice()) return 'block device';
  return stats.isCharacterDevice() ? 'character device' : 'other';
}

class LocalDirectory extends LocalMetadata implements DirectoryEntry {
  readonly type = 'd';
  readonly #systemCalls: SystemCalls;

  constructor(path: LocalPath, name: LocalName, stats: BigIntStats, systemCalls: SystemCalls) {
    super(path, name, stats, 0);
    this.#systemCalls = systemCalls;
  }

  async readChildren(options: AbortOptions = {}): Promise<readonly Entry[]> {
    options.signal?.throwIfAborted();
    const names = listNames(this.path);
    const entries: Entry[] = [];
    const typeOf = lazyDirectoryTypes(this.path);
    for (let i = 0; i < names.length; i++) {
      if (i > 0 && i % ENTRIES_PER_TURN === 0) {
        await setImmediate();
        options.signal?.throwIfAborted();
      }
      const entry = this.#child(names[i]!, typeOf);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** Undefined: it vanished since the directory was listed. */
  #child(listed: string | Buffer, typeOf: (name: Buffer) => 'd' | 'f'): Entry | undefined {
    const path = joinLocalPath(this.path, listed);
    const name =
      typeof listed === 'string' ? { name: listed, rawName: undefined } : localName(listed);
    try {
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      return stats === undefined ? undefined : createEntry(path, name, stats, this.#systemCalls);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return undefined;
      const error = sourceError('examine', path.toString(), cause);
      return createErrorEntry(name, typeOf(Buffer.from(listed)), error);
    }
  }
}

/** Names as strings, or all of them as bytes as soon as one may not be valid UTF-8. */
function listNames(directory: LocalPath): readonly string[] | readonly Buffer[] {
  try {
    const names = readdirSync(directory);
    const bytesNeeded = names.some((name) => name.includes(REPLACEMENT_CHARACTER));
    return bytesNeeded ? readdirSync(directory, { encoding: 'buffer' }) : names;
  } catch (cause) {
    throw sourceError('list', directory.toString(), cause);
  }
}

/** A directory that may be listed and not entered still tells the type of each entry. Asked for only then. */
function lazyDirectoryTypes(path: LocalPath): (name: Buffer) => 'd' | 'f' {
  let directories: Set<string> | undefined;
  return (name) => {
    directories ??= new Set(
      readdirSync(path, { withFileTypes: true, encoding: 'buffer' })
        .filter((dirent) => dirent.isDirectory())
        .map((dirent) => dirent.name.toString('latin1')),
    );
    return directories.has(name.toString('latin1')) ? 'd' : 'f';
  };
}

function createErrorEntry({ name, rawName }: LocalName, type: 'd' | 'f', error: Error): ErrorEntry {
  return {
    type: 'e',
    expectedType: type,
    error,
    name,
    rawName,
    mode: 0,
    size: 0,
    mtime: 0n,
    uid: 0,
    gid: 0,
    device: 0n,
    inode: 0n,
  };
}
