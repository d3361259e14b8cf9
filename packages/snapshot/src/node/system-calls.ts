import type { ByteRange, EpochNanoseconds } from '@longshore/repo';
import type { OutputKind } from '../restore/restore-output.ts';

/** One component of a path. Bytes where the name is not valid UTF-8. */
export type EntryName = string | Uint8Array;

/** A directory held open. Opening its entries goes through it, whatever happens to its path meanwhile. */
export interface DirectoryHandle {
  readonly fd: number;
  /** For messages, and where the platform has nothing better than paths. */
  readonly path: string;
  /** Undefined for the directory that a restore writes into. */
  readonly parent: DirectoryHandle | undefined;
}

/** What `lstat` says, as far as a restore needs it. */
export interface FileStatus {
  readonly kind: OutputKind;
  /** The twelve POSIX bits that `chmod` takes. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  readonly links: number;
}

/**
 * What a restore asks of the operating system and `node:fs` does not offer: calls relative to an open directory that
 * never follow a symlink, and exact times. All are synchronous and throw errors with the `code` of `node:fs`.
 */
export interface SystemCalls {
  /** How the calls are made, for diagnostics and test titles. */
  readonly name: string;
  /** False: times are rounded to what a double of seconds holds. */
  readonly exactTimes: boolean;
  /** The one directory named by the user: symlinks on the way are followed. */
  openRoot(path: string): DirectoryHandle;
  openDirectory(parent: DirectoryHandle, name: EntryName): DirectoryHandle;
  closeDirectory(directory: DirectoryHandle): void;
  /** Undefined: no such entry. */
  status(parent: DirectoryHandle, name: EntryName): FileStatus | undefined;
  /** Names of all entries but `.` and `..`, as bytes. */
  list(directory: DirectoryHandle): readonly Uint8Array[];
  makeDirectory(parent: DirectoryHandle, name: EntryName, mode: number): void;
  /** `flags` are those of `fs.constants`; a symlink fails with ELOOP. Returns a descriptor for `node:fs`. */
  openFile(parent: DirectoryHandle, name: EntryName, flags: number, mode: number): number;
  makeSymlink(parent: DirectoryHandle, name: EntryName, target: Uint8Array): void;
  unlink(parent: DirectoryHandle, name: EntryName): void;
  removeDirectory(parent: DirectoryHandle, name: EntryName): void;
  /** Inside one directory; what stands at `to` is replaced. */
  rename(parent: DirectoryHandle, from: EntryName, to: EntryName): void;
  /** Of the entry itself, even if it is a symlink. */
  setOwner(parent: DirectoryHandle, name: EntryName, uid: number, gid: number): void;
  /** Access and modification time of the entry itself, even if it is a symlink. */
  setTimes(parent: DirectoryHandle, name: EntryName, mtime: EpochNanoseconds): void;
  /** Access and modification time of an open file or directory. */
  setOpenTimes(fd: number, mtime: EpochNanoseconds): void;
  /** See `FileReader.dataRegions`. Moves the offset of `fd`. */
  dataRegions(fd: number, size: number): Iterable<ByteRange>;
}
