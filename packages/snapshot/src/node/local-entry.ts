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
import { NANOSECONDS_PER_SECOND, type AbortOptions, type EpochNanoseconds } from '@longshore/repo';
import { readWholeFile } from '@longshore/repo/node';
import type {
  ComparedDirectory,
  CompareOptions,
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
import { compareDirectory, type DirectoryComparison } from './compare-directory.ts';
import { compareElsewhere } from './compare-task.ts';
import { createSystemCalls } from './create-system-calls.ts';
import { openLocalFile } from './local-file-reader.ts';
import { joinLocalPath, type LocalPath } from './join-local-path.ts';
import { localName, localPath, type LocalName } from './local-path.ts';
import {
  RECORD_DEVICE,
  RECORD_GID,
  RECORD_INODE,
  RECORD_MODE,
  RECORD_NANOSECONDS,
  RECORD_SECONDS,
  RECORD_SIZE,
  RECORD_UID,
  RECORD_WORDS,
  type LocalListing,
} from './local-listing.ts';
import type { SystemCalls } from './system-calls.ts';
import { sourceError, systemErrorCode } from './system-error.ts';
import { WalkPace } from './walk-pace.ts';

// Entries are examined synchronously, at some 4 us each; timers and sockets get their turn between batches.
const ENTRIES_PER_TURN = 2048;

/** Bytes of a stored directory that is compared in one go on the calling thread: some 50 000 entries. */
const MAX_LENGTH_AT_ONCE = 8 * 1024 * 1024;

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
  const tools: LocalTools = {
    systemCalls: options.systemCalls ?? createSystemCalls(),
    pace: new WalkPace(),
  };
  try {
    const resolved = realpathSync.native(path, { encoding: 'buffer' });
    const stats = lstatSync(resolved, { bigint: true });
    const base = resolved.subarray(resolved.lastIndexOf('/') + 1);
    // Kopia, too, names the root of the file system by its path.
    const name = localName(base.length === 0 ? resolved : base);
    return createEntry(localPath(resolved), name, statusOf(stats), tools);
  } catch (cause) {
    throw sourceError('examine', path, cause);
  }
}

/** What all entries below one root share. */
interface LocalTools {
  readonly systemCalls: SystemCalls;
  readonly pace: WalkPace;
}

/** What `lstat` says, as far as a snapshot needs it. `mode` is an `st_mode`. */
interface LocalStatus {
  readonly mode: number;
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  readonly uid: number;
  readonly gid: number;
  readonly device: bigint;
  readonly inode: bigint;
}

function statusOf(stats: BigIntStats): LocalStatus {
  return {
    mode: Number(stats.mode),
    size: Number(stats.size),
    mtime: stats.mtimeNs,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    device: stats.dev,
    inode: stats.ino,
  };
}

function createEntry(
  path: LocalPath,
  name: LocalName,
  stats: LocalStatus,
  tools: LocalTools,
): Entry {
  switch (stats.mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return new LocalFile(path, name, stats, tools);
    case constants.S_IFDIR:
      return new LocalDirectory(path, name, stats, tools);
    case constants.S_IFLNK:
      return new LocalSymlink(path, name, stats, tools);
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

  constructor(path: LocalPath, name: LocalName, stats: LocalStatus, size: number) {
    this.path = path;
    this.name = name.name;
    this.rawName = name.rawName;
    this.mode = goModeFromPosix(stats.mode);
    this.size = size;
    this.mtime = stats.mtime;
    this.uid = stats.uid;
    this.gid = stats.gid;
    this.device = stats.device;
    this.inode = stats.inode;
  }
}

class LocalFile extends LocalMetadata implements FileEntry {
  readonly type = 'f';
  readonly #tools: LocalTools;

  constructor(path: LocalPath, name: LocalName, stats: LocalStatus, tools: LocalTools) {
    super(path, name, stats, stats.size);
    this.#tools = tools;
  }

  get localPath(): LocalPath {
    return this.path;
  }

  open(): FileReader {
    return openLocalFile(this.path, this.#tools.systemCalls);
  }

  readWhole(target: Uint8Array): number | undefined {
    return readWholeFile(this.path, target);
  }
}

class LocalSymlink extends LocalMetadata implements SymlinkEntry {
  readonly type = 's';
  readonly #tools: LocalTools;

  constructor(path: LocalPath, name: LocalName, stats: LocalStatus, tools: LocalTools) {
    super(path, name, stats, stats.size);
    this.#tools = tools;
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
      return createEntry(localPath(resolved), name, statusOf(stats), this.#tools);
    } catch (cause) {
      throw sourceError('resolve symlink', this.path.toString(), cause);
    }
  }
}

class LocalUnknown extends LocalMetadata implements UnknownEntry {
  readonly type = 'unknown';
  readonly kind: UnknownEntry['kind'];

  constructor(path: LocalPath, name: LocalName, stats: LocalStatus) {
    super(path, name, stats, 0);
    this.kind = unknownKind(stats.mode);
  }
}

function unknownKind(mode: number): UnknownEntry['kind'] {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFIFO:
      return 'fifo';
    case constants.S_IFSOCK:
      return 'socket';
    case constants.S_IFBLK:
      return 'block device';
    case constants.S_IFCHR:
      return 'character device';
    default:
      return 'other';
  }
}

class LocalDirectory extends LocalMetadata implements DirectoryEntry {
  readonly type = 'd';
  readonly #tools: LocalTools;

  constructor(path: LocalPath, name: LocalName, stats: LocalStatus, tools: LocalTools) {
    super(path, name, stats, 0);
    this.#tools = tools;
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

  async compare(stored: Uint8Array, options: CompareOptions): Promise<ComparedDirectory> {
    options.signal?.throwIfAborted();
    const { exceptions, call } = options;
    const { pace } = this.#tools;
    const input = { path: this.path, stored, exceptions };
    if (call !== undefined && pace.isSlow) {
      return this.#compared(await compareElsewhere(input, call, options), options);
    }
    if (stored.length > MAX_LENGTH_AT_ONCE) {
      return { children: await this.readChildren(options), stored };
    }
    return this.#compared(
      pace.measure(stored.length, () => compareDirectory(input)),
      options,
    );
  }

  async #compared(
    { local, stored, same }: DirectoryComparison,
    options: AbortOptions,
  ): Promise<ComparedDirectory> {
    if (local === undefined) return { children: await this.readChildren(options), stored };
    const children = Array.from(this.#listed(local));
    if (same === undefined) return { children, stored };
    return { same: { ...same, directories: children.filter((child) => child.type === 'd') } };
  }

  *#listed({ count, names, nameEnds, records }: LocalListing): Generator<Entry, void, void> {
    const bytes = Buffer.from(names.buffer, names.byteOffset, names.byteLength);
    let start = 0;
    for (let i = 0; i < count; i++) {
      const end = nameEnds[i]!;
      let name: LocalName = { name: bytes.toString('utf8', start, end), rawName: undefined };
      if (name.name.includes(REPLACEMENT_CHARACTER)) name = localName(bytes.subarray(start, end));
      const path = joinLocalPath(this.path, name.rawName ?? name.name);
      const status = recordedStatus(records, i * RECORD_WORDS);
      yield createEntry(path, name, status, this.#tools);
      start = end;
    }
  }

  /** Undefined: it vanished since the directory was listed. */
  #child(listed: string | Buffer, typeOf: (name: Buffer) => 'd' | 'f'): Entry | undefined {
    const path = joinLocalPath(this.path, listed);
    const name =
      typeof listed === 'string' ? { name: listed, rawName: undefined } : localName(listed);
    try {
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) return undefined;
      return createEntry(path, name, statusOf(stats), this.#tools);
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return undefined;
      const error = sourceError('examine', path.toString(), cause);
      return createErrorEntry(name, typeOf(Buffer.from(listed)), error);
    }
  }
}

function recordedStatus(records: Uint32Array, record: number): LocalStatus {
  const word = (place: number): bigint =>
    (BigInt(records[record + place + 1]!) << 32n) | BigInt(records[record + place]!);
  const seconds = BigInt.asIntN(64, word(RECORD_SECONDS));
  return {
    mode: records[record + RECORD_MODE]!,
    size: records[record + RECORD_SIZE + 1]! * 2 ** 32 + records[record + RECORD_SIZE]!,
    mtime: seconds * NANOSECONDS_PER_SECOND + BigInt(records[record + RECORD_NANOSECONDS]!),
    uid: records[record + RECORD_UID]!,
    gid: records[record + RECORD_GID]!,
    device: word(RECORD_DEVICE),
    inode: word(RECORD_INODE),
  };
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
