import { Buffer } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { LongshoreError, type ByteRange, type EpochNanoseconds } from '@longshore/repo';
import { fileStatus } from './file-kind.ts';
import { joinLocalPath, type LocalPath } from './join-local-path.ts';
import type { DirectoryHandle, EntryName, FileStatus, SystemCalls } from './system-calls.ts';

export interface FsCallsOptions {
  /** Never name a directory by its descriptor, as on a system without Linux's /proc. */
  readonly pathsOnly?: boolean;
}

/**
 * The same promises with the functions of `node:fs`, which take paths only. On Linux `/proc/self/fd/N` names the open
 * directory itself. Elsewhere every component is examined before each call: a symlink that lies in the target is
 * never followed, but a program that swaps directories at that very moment is not held off.
 */
export function createFsCalls(options: FsCallsOptions = {}): SystemCalls {
  return new FsCalls(options.pathsOnly ?? false);
}

interface FsDirectoryHandle extends DirectoryHandle {
  /** The path as it was opened: bytes where a name is not valid UTF-8. */
  readonly location: LocalPath;
  readonly identity: BigIntStats;
  readonly parent: FsDirectoryHandle | undefined;
}

class FsCalls implements SystemCalls {
  readonly exactTimes = false;
  readonly #pathsOnly: boolean;
  #descriptorPathsWork: boolean | undefined;

  constructor(pathsOnly: boolean) {
    this.#pathsOnly = pathsOnly;
  }

  get name(): string {
    return this.#pathsOnly ? 'node:fs by path' : 'node:fs';
  }

  openRoot(path: string): DirectoryHandle {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    return openHandle(fd, path, undefined);
  }

  openDirectory(parent: DirectoryHandle, name: EntryName): DirectoryHandle {
    const fd = openSync(
      this.#path(parent, name),
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
    );
    const from = parent as FsDirectoryHandle;
    return openHandle(fd, joinLocalPath(from.location, name), from);
  }

  closeDirectory(directory: DirectoryHandle): void {
    closeSync(directory.fd);
  }

  status(parent: DirectoryHandle, name: EntryName): FileStatus | undefined {
    const path = this.#path(parent, name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : fileStatus(stats);
  }

  list(directory: DirectoryHandle): readonly Uint8Array[] {
    return readdirSync(this.#path(directory, '.'), { encoding: 'buffer' });
  }

  makeDirectory(parent: DirectoryHandle, name: EntryName, mode: number): void {
    mkdirSync(this.#path(parent, name), { mode });
  }

  openFile(parent: DirectoryHandle, name: EntryName, flags: number, mode: number): number {
    return openSync(this.#path(parent, name), flags | constants.O_NOFOLLOW, mode);
  }

  makeSymlink(parent: DirectoryHandle, name: EntryName, target: Uint8Array): void {
    symlinkSync(Buffer.from(target), this.#path(parent, name));
  }

  unlink(parent: DirectoryHandle, name: EntryName): void {
    unlinkSync(this.#path(parent, name));
  }

  removeDirectory(parent: DirectoryHandle, name: EntryName): void {
    rmdirSync(this.#path(parent, name));
  }

  rename(parent: DirectoryHandle, from: EntryName, to: EntryName): void {
    renameSync(this.#path(parent, from), this.#path(parent, to));
  }

  setOwner(parent: DirectoryHandle, name: EntryName, uid: number, gid: number): void {
    lchownSync(this.#path(parent, name), uid, gid);
  }

  setTimes(parent: DirectoryHandle, name: EntryName, mtime: EpochNanoseconds): void {
    const time = fsTime(mtime);
    lutimesSync(this.#path(parent, name), time, time);
  }

  setOpenTimes(fd: number, mtime: EpochNanoseconds): void {
    const time = fsTime(mtime);
    futimesSync(fd, time, time);
  }

  *dataRegions(_fd: number, size: number): Generator<ByteRange, void, void> {
    if (size > 0) yield { offset: 0, length: size };
  }

  #path(parent: DirectoryHandle, name: EntryName): LocalPath {
    const directory = this.#namesItself(parent)
      ? descriptorPath(parent.fd)
      : checkedPath(parent as FsDirectoryHandle);
    return joinLocalPath(directory, name);
  }

  #namesItself(directory: DirectoryHandle): boolean {
    if (this.#pathsOnly) return false;
    this.#descriptorPathsWork ??= descriptorPathWorks(directory.fd);
    return this.#descriptorPathsWork;
  }
}

function openHandle(
  fd: number,
  location: LocalPath,
  parent: FsDirectoryHandle | undefined,
): FsDirectoryHandle {
  const identity = fstatSync(fd, { bigint: true });
  return { fd, path: location.toString(), location, identity, parent };
}

function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** False without /proc, and in a process that may not look at itself (after `setuid`). */
function descriptorPathWorks(fd: number): boolean {
  try {
    const found = statSync(descriptorPath(fd), { bigint: true });
    return isSameDirectory(found, fstatSync(fd, { bigint: true }));
  } catch {
    return false;
  }
}

/** TARGET_UNSAFE unless the path still leads to the directory itself, through directories alone. */
function checkedPath(directory: FsDirectoryHandle): LocalPath {
  for (let at: FsDirectoryHandle | undefined = directory; at !== undefined; at = at.parent) {
    const examine = at.parent === undefined ? statSync : lstatSync;
    const found = examine(at.location, { bigint: true, throwIfNoEntry: false });
    if (!isSameDirectory(found, at.identity)) {
      throw new LongshoreError('TARGET_UNSAFE', `${at.path}: no longer the same directory`, {
        path: at.path,
      });
    }
  }
  return directory.location;
}

function isSameDirectory(found: BigIntStats | undefined, expected: BigIntStats): boolean {
  return (
    found !== undefined &&
    found.isDirectory() &&
    found.dev === expected.dev &&
    found.ino === expected.ino
  );
}

/** Seconds as a double; before 1970 a `Date`, because `node:fs` takes negative numbers for the present. */
function fsTime(time: EpochNanoseconds): number | Date {
  return time < 0n ? new Date(Math.floor(Number(time) / 1e6)) : Number(time) / 1e9;
}
