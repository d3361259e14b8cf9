import { Buffer } from 'node:buffer';
import { closeSync, constants, openSync } from 'node:fs';
import type { ByteRange, EpochNanoseconds } from '@longshore/repo';
import { kindOfMode } from './file-kind.ts';
import type { CString, Libc } from './libc.ts';
import {
  AT_SYMLINK_NOFOLLOW,
  DIRENT_LENGTH,
  DIRENT_NAME,
  O_CLOEXEC,
  OPEN_DIRECTORY,
  STATX_BASIC_STATS,
  STATX_GID,
  STATX_LENGTH,
  STATX_LINKS,
  STATX_MODE,
  STATX_MTIME_NANOSECONDS,
  STATX_MTIME_SECONDS,
  STATX_SIZE,
  STATX_UID,
} from './linux-abi.ts';
import type { DirectoryHandle, EntryName, FileStatus, SystemCalls } from './system-calls.ts';
import { createSystemError, systemErrorCode } from './system-error.ts';

// linux/fcntl.h and unistd.h
const AT_REMOVEDIR = 0x200;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const DIRENT_BUFFER_BYTES = 32 * 1024;

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** Calls relative to directory descriptors, through libc. Of one thread only: buffers are reused between calls. */
export function createLibcCalls(libc: Libc): SystemCalls {
  return new LibcCalls(libc);
}

class LibcCalls implements SystemCalls {
  readonly name = 'libc';
  readonly exactTimes = true;
  readonly #libc: Libc;
  readonly #statx = new Uint8Array(STATX_LENGTH);
  readonly #statxView = new DataView(this.#statx.buffer);
  readonly #times = new BigInt64Array(4);
  readonly #timesBytes = new Uint8Array(this.#times.buffer);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  openRoot(path: string): DirectoryHandle {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    return { fd, path, parent: undefined };
  }

  openDirectory(parent: DirectoryHandle, name: EntryName): DirectoryHandle {
    const fd = this.#libc.openat(parent.fd, cString(name), OPEN_DIRECTORY, 0);
    if (fd < 0) throw this.#error('openat', parent, name);
    return { fd, path: pathOf(parent, name), parent };
  }

  closeDirectory(directory: DirectoryHandle): void {
    closeSync(directory.fd);
  }

  status(parent: DirectoryHandle, name: EntryName): FileStatus | undefined {
    const { fd } = parent;
    const path = cString(name);
    if (this.#libc.statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#statx) !== 0) {
      const error = this.#error('statx', parent, name);
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    const view = this.#statxView;
    const mode = view.getUint16(STATX_MODE, true);
    return {
      kind: kindOfMode(mode),
      mode: mode & 0o7777,
      uid: view.getUint32(STATX_UID, true),
      gid: view.getUint32(STATX_GID, true),
      size: Number(view.getBigInt64(STATX_SIZE, true)),
      mtime:
        view.getBigInt64(STATX_MTIME_SECONDS, true) * NANOSECONDS_PER_SECOND +
        BigInt(view.getUint32(STATX_MTIME_NANOSECONDS, true)),
      links: view.getUint32(STATX_LINKS, true),
    };
  }

  list(directory: DirectoryHandle): readonly Uint8Array[] {
    // An offset of its own: `directory.fd` may have been listed before.
    const own = this.openDirectory(directory, '.');
    try {
      const names: Uint8Array[] = [];
      const buffer = Buffer.alloc(DIRENT_BUFFER_BYTES);
      for (;;) {
        const length = this.#libc.getdents64(own.fd, buffer);
        if (length < 0) throw this.#error('getdents64', directory, '.');
        if (length === 0) return names;
        collectNames(buffer.subarray(0, length), names);
      }
    } finally {
      closeSync(own.fd);
    }
  }

  makeDirectory(parent: DirectoryHandle, name: EntryName, mode: number): void {
    if (this.#libc.mkdirat(parent.fd, cString(name), mode) !== 0) {
      throw this.#error('mkdirat', parent, name);
    }
  }

  openFile(parent: DirectoryHandle, name: EntryName, flags: number, mode: number): number {
    const safeFlags = flags | constants.O_NOFOLLOW | O_CLOEXEC;
    const fd = this.#libc.openat(parent.fd, cString(name), safeFlags, mode);
    if (fd < 0) throw this.#error('openat', parent, name);
    return fd;
  }

  makeSymlink(parent: DirectoryHandle, name: EntryName, target: Uint8Array): void {
    if (this.#libc.symlinkat(cString(target), parent.fd, cString(name)) !== 0) {
      throw this.#error('symlinkat', parent, name);
    }
  }

  unlink(parent: DirectoryHandle, name: EntryName): void {
    if (this.#libc.unlinkat(parent.fd, cString(name), 0) !== 0) {
      throw this.#error('unlinkat', parent, name);
    }
  }

  removeDirectory(parent: DirectoryHandle, name: EntryName): void {
    if (this.#libc.unlinkat(parent.fd, cString(name), AT_REMOVEDIR) !== 0) {
      throw this.#error('unlinkat', parent, name);
    }
  }

  rename(parent: DirectoryHandle, from: EntryName, to: EntryName): void {
    if (this.#libc.renameat(parent.fd, cString(from), parent.fd, cString(to)) !== 0) {
      throw this.#error('renameat', parent, to);
    }
  }

  setOwner(parent: DirectoryHandle, name: EntryName, uid: number, gid: number): void {
    if (this.#libc.fchownat(parent.fd, cString(name), uid, gid, AT_SYMLINK_NOFOLLOW) !== 0) {
      throw this.#error('fchownat', parent, name);
    }
  }

  setTimes(parent: DirectoryHandle, name: EntryName, mtime: EpochNanoseconds): void {
    const times = this.#timespecs(mtime);
    if (this.#libc.utimensat(parent.fd, cString(name), times, AT_SYMLINK_NOFOLLOW) !== 0) {
      throw this.#error('utimensat', parent, name);
    }
  }

  setOpenTimes(fd: number, mtime: EpochNanoseconds): void {
    if (this.#libc.futimens(fd, this.#timespecs(mtime)) !== 0) {
      throw createSystemError(this.#libc.lastError(), 'futimens', `descriptor ${fd}`);
    }
  }

  *dataRegions(fd: number, size: number): Generator<ByteRange, void, void> {
    let position = 0;
    while (position < size) {
      const start = this.#seek(fd, position, SEEK_DATA);
      if (start >= size) return;
      const end = Math.min(this.#seek(fd, start, SEEK_HOLE), size);
      yield { offset: start, length: end - start };
      position = end;
    }
  }

  /** Infinity: there is none. A file system that knows no holes has data everywhere. */
  #seek(fd: number, position: number, whence: number): number {
    const found = this.#libc.lseek(fd, BigInt(position), whence);
    if (found >= 0n) return Number(found);
    const error = createSystemError(this.#libc.lastError(), 'lseek', `descriptor ${fd}`);
    const code = systemErrorCode(error);
    if (code === 'ENXIO') return Infinity;
    if (code === 'EINVAL') return whence === SEEK_DATA ? position : Infinity;
    throw error;
  }

  #timespecs(time: EpochNanoseconds): Uint8Array {
    const rest = time % NANOSECONDS_PER_SECOND;
    const nanoseconds = rest < 0n ? rest + NANOSECONDS_PER_SECOND : rest;
    const seconds = (time - nanoseconds) / NANOSECONDS_PER_SECOND;
    this.#times[0] = seconds;
    this.#times[1] = nanoseconds;
    this.#times[2] = seconds;
    this.#times[3] = nanoseconds;
    return this.#timesBytes;
  }

  #error(syscall: string, parent: DirectoryHandle, name: EntryName): Error {
    return createSystemError(this.#libc.lastError(), syscall, pathOf(parent, name));
  }
}

function pathOf(parent: DirectoryHandle, name: EntryName): string {
  return `${parent.path}/${typeof name === 'string' ? name : Buffer.from(name).toString()}`;
}

function cString(value: EntryName): CString {
  if (typeof value === 'string') return value;
  const terminated = new Uint8Array(value.length + 1);
  terminated.set(value);
  return terminated;
}

function collectNames(records: Buffer, names: Uint8Array[]): void {
  for (let offset = 0; offset < records.length;) {
    const end = offset + records.readUInt16LE(offset + DIRENT_LENGTH);
    const start = offset + DIRENT_NAME;
    const name = records.subarray(start, records.indexOf(0, start));
    if (!isDots(name)) names.push(Uint8Array.from(name));
    offset = end;
  }
}

function isDots(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}
