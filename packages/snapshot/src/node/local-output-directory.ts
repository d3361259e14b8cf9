import { randomUUID } from 'node:crypto';
import { closeSync, constants, fsyncSync, ftruncateSync } from 'node:fs';
import { CorruptDataError, decodeGoUtf8, LongshoreError } from '@longshore/repo';
import { checkEntryName } from '../restore/entry-name.ts';
import type {
  OutputAttributes,
  OutputDirectory,
  OutputFileAttributes,
  OutputKind,
} from '../restore/restore-output.ts';
import { openFileStatus } from './file-kind.ts';
import {
  LocalOutputFile,
  openTarget,
  type FilePlacement,
  type LocalOutputFileOptions,
} from './local-output-file.ts';
import type { DirectoryPlace, OpenDirectories } from './open-directories.ts';
import { removeEntry } from './remove-entry.ts';
import type { DirectoryHandle, EntryName, FileStatus, SystemCalls } from './system-calls.ts';
import { systemErrorCode, targetError } from './system-error.ts';
import { applyAttributes, checkAttributes } from './target-attributes.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const CREATE_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
// A FIFO put in the way must not block.
const OVERWRITE_FILE = constants.O_RDWR | constants.O_NONBLOCK;
// Kopia's tolerance for target file systems with coarse times.
const SAME_TIME_NANOSECONDS = 2_000_000_000n;

/** What all directories of one restore share: what to call, and the options with their defaults. */
export interface LocalOutputContext extends LocalOutputFileOptions {
  readonly systemCalls: SystemCalls;
  readonly directories: OpenDirectories;
  readonly overwriteDirectories: boolean;
  readonly overwriteFiles: boolean;
  readonly overwriteSymlinks: boolean;
  readonly writeFilesAtomically: boolean;
  readonly skipExisting: boolean;
}

/** A directory of the target. It holds no descriptor of its own, so any number may be in use. */
export class LocalOutputDirectory implements OutputDirectory, DirectoryPlace {
  readonly parent: LocalOutputDirectory | undefined;
  readonly name: string;
  readonly created: boolean;
  readonly #path: string;
  readonly #context: LocalOutputContext;

  private constructor(
    parent: LocalOutputDirectory | undefined,
    name: string,
    path: string,
    created: boolean,
    context: LocalOutputContext,
  ) {
    this.parent = parent;
    this.name = name;
    this.#path = path;
    this.created = created;
    this.#context = context;
  }

  /** ALREADY_EXISTS if it may not be written into. */
  static root(path: string, created: boolean, context: LocalOutputContext): LocalOutputDirectory {
    const root = new LocalOutputDirectory(undefined, '', path, created, context);
    root.#checkOverwritable();
    return root;
  }

  createDirectory(name: string): LocalOutputDirectory {
    const path = this.#pathOf(name);
    try {
      const created = this.#makeDirectory(name);
      const directory = new LocalOutputDirectory(this, name, path, created, this.#context);
      directory.#checkOverwritable();
      return directory;
    } catch (cause) {
      throw targetError('create directory', path, cause);
    }
  }

  hasFile(name: string, attributes: OutputFileAttributes): boolean {
    const path = this.#pathOf(name);
    try {
      return this.#isPresent(name, attributes);
    } catch (cause) {
      throw targetError('examine', path, cause);
    }
  }

  createFile(name: string, attributes: OutputFileAttributes): LocalOutputFile | undefined {
    const path = this.#pathOf(name);
    checkAttributes(path, attributes);
    const { size } = attributes;
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new CorruptDataError(`${path}: size ${size}`, { path, field: 'size' });
    }
    try {
      if (this.#isPresent(name, attributes)) return undefined;
      const { systemCalls, writeFilesAtomically } = this.#context;
      const [fd, placement] = writeFilesAtomically
        ? this.#openTemporary(name, path)
        : [this.#openInPlace(name, path), this.#placementOf(name)];
      return new LocalOutputFile(fd, path, attributes, placement, systemCalls, this.#context);
    } catch (cause) {
      throw targetError('create', path, cause);
    }
  }

  createSymlink(name: string, target: Uint8Array, attributes: OutputAttributes): boolean {
    const path = this.#pathOf(name);
    checkAttributes(path, attributes);
    if (target.length === 0 || target.includes(0)) {
      throw new CorruptDataError(`${path}: not a target of a symlink`, { path });
    }
    const { skipExisting, systemCalls } = this.#context;
    try {
      if (skipExisting && !this.created && this.#status(name)?.kind === 's') return false;
      this.#makeSymlink(name, path, target);
      applyAttributes(
        {
          path,
          status: () => this.#existing(name, path),
          setOwner: (uid, gid) => systemCalls.setOwner(this.#open(), name, uid, gid),
          setMode: undefined,
          setTimes: (mtime) => systemCalls.setTimes(this.#open(), name, mtime),
        },
        attributes,
        this.#context,
      );
      return true;
    } catch (cause) {
      throw targetError('create symlink', path, cause);
    }
  }

  kindOf(name: string): OutputKind | undefined {
    const path = this.#pathOf(name);
    try {
      return this.#status(name)?.kind;
    } catch (cause) {
      throw targetError('examine', path, cause);
    }
  }

  remove(name: string): boolean {
    const path = this.#pathOf(name);
    try {
      return this.#remove(name);
    } catch (cause) {
      throw targetError('remove', path, cause);
    }
  }

  deleteExtra(kept: ReadonlyMap<string, OutputKind>): number {
    if (this.created) return 0;
    try {
      let removed = 0;
      for (const bytes of this.#context.systemCalls.list(this.#open())) {
        const expected = kept.get(decodeGoUtf8(bytes));
        const stays =
          expected !== undefined && (expected === 'd') === (this.#status(bytes)?.kind === 'd');
        if (!stays && this.#remove(bytes)) removed += 1;
      }
      return removed;
    } catch (cause) {
      throw targetError('delete extra entries of', this.#path, cause);
    }
  }

  finish(attributes: OutputAttributes): void {
    checkAttributes(this.#path, attributes);
    const { directories, flushFiles, systemCalls } = this.#context;
    try {
      const { fd } = this.#open();
      applyAttributes(openTarget(fd, this.#path, systemCalls), attributes, this.#context);
      if (flushFiles) fsyncSync(fd);
    } catch (cause) {
      throw targetError('finish directory', this.#path, cause);
    } finally {
      directories.close(this);
    }
  }

  #pathOf(name: string): string {
    checkEntryName(name, this.#path);
    return `${this.#path}/${name}`;
  }

  #open(): DirectoryHandle {
    return this.#context.directories.open(this);
  }

  #status(name: EntryName): FileStatus | undefined {
    return this.#context.systemCalls.status(this.#open(), name);
  }

  /** The status of what was just made or found. */
  #existing(name: string, path: string): FileStatus {
    const status = this.#status(name);
    if (status !== undefined) return status;
    throw new LongshoreError('TARGET_UNSAFE', `${path}: removed by another program`, { path });
  }

  #remove(name: EntryName): boolean {
    return removeEntry(this.#context.directories, this.#context.systemCalls, this, name);
  }

  #checkOverwritable(): void {
    const handle = this.#open();
    if (this.created || this.#context.overwriteDirectories) return;
    if (this.#context.systemCalls.list(handle).length > 0) throw alreadyExists(this.#path);
  }

  /** True: it was not there before. */
  #makeDirectory(name: string): boolean {
    try {
      this.#context.systemCalls.makeDirectory(this.#open(), name, DIRECTORY_MODE);
      return true;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    const path = `${this.#path}/${name}`;
    const { kind } = this.#existing(name, path);
    if (kind === 's') {
      throw new LongshoreError('TARGET_UNSAFE', `${path}: a symlink is where a directory goes`, {
        path,
      });
    }
    if (kind !== 'd') throw alreadyExists(path, 'and is not a directory');
    return false;
  }

  #isPresent(name: string, { size, mtime }: OutputFileAttributes): boolean {
    if (!this.#context.skipExisting || this.created) return false;
    const status = this.#status(name);
    if (status?.kind !== 'f' || status.size !== size) return false;
    const difference = status.mtime - mtime;
    return difference < SAME_TIME_NANOSECONDS && difference > -SAME_TIME_NANOSECONDS;
  }

  /** A new file, or the one that is there, emptied. */
  #openInPlace(name: string, path: string): number {
    const { systemCalls } = this.#context;
    try {
      return systemCalls.openFile(this.#open(), name, CREATE_FILE, FILE_MODE);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    const status = this.#existing(name, path);
    this.#checkReplaceable(status, path);
    if (status.kind === 'f') {
      const fd = systemCalls.openFile(this.#open(), name, OVERWRITE_FILE, 0);
      if (isLoneFile(fd)) {
        emptyFile(fd);
        return fd;
      }
      closeSync(fd);
    }
    systemCalls.unlink(this.#open(), name);
    return systemCalls.openFile(this.#open(), name, CREATE_FILE, FILE_MODE);
  }

  #openTemporary(name: string, path: string): [number, FilePlacement] {
    const { systemCalls } = this.#context;
    const status = this.#status(name);
    if (status !== undefined) this.#checkReplaceable(status, path);
    const temporary = `.longshore-${randomUUID()}`;
    const fd = systemCalls.openFile(this.#open(), temporary, CREATE_FILE, FILE_MODE);
    return [fd, this.#placementOf(temporary, name)];
  }

  /** `finalName` is given if the file has another name until it is complete. */
  #placementOf(name: string, finalName?: string): FilePlacement {
    const { systemCalls } = this.#context;
    return {
      temporary: finalName !== undefined,
      publish: () => {
        if (finalName !== undefined) systemCalls.rename(this.#open(), name, finalName);
      },
      discard: () => systemCalls.unlink(this.#open(), name),
    };
  }

  #checkReplaceable({ kind }: FileStatus, path: string): void {
    const { overwriteFiles, overwriteSymlinks } = this.#context;
    if (kind === 'd' || kind === 'other') throw alreadyExists(path, 'and is not a file');
    if (!overwriteFiles || (kind === 's' && !overwriteSymlinks)) throw alreadyExists(path);
  }

  #makeSymlink(name: string, path: string, target: Uint8Array): void {
    const { overwriteSymlinks, systemCalls } = this.#context;
    try {
      systemCalls.makeSymlink(this.#open(), name, target);
      return;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    if (this.#existing(name, path).kind !== 's') throw alreadyExists(path, 'and is not a symlink');
    if (!overwriteSymlinks) throw alreadyExists(path);
    systemCalls.unlink(this.#open(), name);
    systemCalls.makeSymlink(this.#open(), name, target);
  }
}

/** Writing through a hard link would change the file under its other names, which may lie outside the target. */
function isLoneFile(fd: number): boolean {
  const { kind, links } = openFileStatus(fd);
  return kind === 'f' && links === 1;
}

/** Closes `fd` if it fails. */
function emptyFile(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function alreadyExists(path: string, addition = 'and may not be overwritten'): LongshoreError {
  return new LongshoreError('ALREADY_EXISTS', `${path}: already exists ${addition}`, { path });
}
