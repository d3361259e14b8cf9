import { closeSync, fchmodSync, fchownSync, fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import { CorruptDataError, invariant, type FilePlace } from '@longshore/repo';
import { writeFullyAt, writeSparselyAt } from '@longshore/repo/node';
import type { OutputFile, OutputFileAttributes } from '../restore/restore-output.ts';
import { openFileStatus } from './file-kind.ts';
import type { SystemCalls } from './system-calls.ts';
import { systemErrorCode, targetError } from './system-error.ts';
import {
  applyAttributes,
  type AttributeOptions,
  type AttributeTarget,
} from './target-attributes.ts';

export interface LocalOutputFileOptions extends AttributeOptions {
  readonly writeSparseFiles: boolean;
  readonly flushFiles: boolean;
}

/** Where the file is in its directory: `publish` gives it its name, `discard` removes it. */
export interface FilePlacement {
  /** The file has another name until it is published. */
  readonly temporary: boolean;
  publish(): void;
  discard(): void;
}

/** The attributes of what is open as `fd`, a file or a directory. */
export function openTarget(fd: number, path: string, systemCalls: SystemCalls): AttributeTarget {
  return {
    path,
    status: () => openFileStatus(fd),
    setOwner: (uid, gid) => fchownSync(fd, uid, gid),
    setMode: (mode) => fchmodSync(fd, mode),
    setTimes: (mtime) => systemCalls.setOpenTimes(fd, mtime),
  };
}

/** An empty regular file, open for writing, that gets its content by position and its attributes at the end. */
export class LocalOutputFile implements OutputFile {
  #fd: number | undefined;
  readonly #path: string;
  readonly #attributes: OutputFileAttributes;
  readonly #placement: FilePlacement;
  readonly #systemCalls: SystemCalls;
  readonly #options: LocalOutputFileOptions;
  /** Undefined: zeros are written like everything else. */
  readonly #sparseBlockSize: number | undefined;
  #written = 0;
  #lengthIsSet = false;
  #settled = false;

  /** Owns `fd` from here on, even if this throws. */
  constructor(
    fd: number,
    path: string,
    attributes: OutputFileAttributes,
    placement: FilePlacement,
    systemCalls: SystemCalls,
    options: LocalOutputFileOptions,
  ) {
    this.#fd = fd;
    this.#path = path;
    this.#attributes = attributes;
    this.#placement = placement;
    this.#systemCalls = systemCalls;
    this.#options = options;
    try {
      this.#sparseBlockSize = options.writeSparseFiles ? fstatSync(fd).blksize : undefined;
    } catch (cause) {
      this.abandon();
      throw targetError('create', path, cause);
    }
  }

  writeAt(position: number, data: Uint8Array): void {
    const { fd, holeSize } = this.placeAt(position, data.length);
    try {
      if (holeSize === 0) writeFullyAt(fd, position, data);
      else writeSparselyAt(fd, position, data, holeSize);
    } catch (cause) {
      this.written(data.length, cause);
    }
    this.written(data.length, undefined);
  }

  placeAt(position: number, length: number): FilePlace {
    const { size } = this.#attributes;
    if (position < 0 || position + length > size) {
      throw new CorruptDataError(`${this.#path}: content goes on after its ${size} bytes`, {
        path: this.#path,
        offset: position,
      });
    }
    try {
      const fd = this.#openFd();
      this.#setLengthBefore(length);
      return { fd, position, length, holeSize: this.#sparseBlockSize ?? 0 };
    } catch (cause) {
      throw targetError('write', this.#path, cause);
    }
  }

  written(length: number, cause: unknown): void {
    if (cause !== undefined) throw targetError('write', this.#path, cause);
    this.#written += length;
  }

  finish(): void {
    const { size } = this.#attributes;
    if (this.#written !== size) {
      this.abandon();
      throw new CorruptDataError(`${this.#path}: ${this.#written} of ${size} bytes were written`, {
        path: this.#path,
      });
    }
    try {
      const fd = this.#openFd();
      applyAttributes(
        openTarget(fd, this.#path, this.#systemCalls),
        this.#attributes,
        this.#options,
      );
      if (this.#options.flushFiles) fsyncSync(fd);
      this.#close();
      this.#placement.publish();
      this.#settled = true;
    } catch (cause) {
      // Complete content stays although an attribute is missing, unless nobody could find it.
      if (this.#placement.temporary) this.abandon();
      this.#settled = true;
      this.#close();
      throw targetError('finish', this.#path, cause);
    }
  }

  abandon(): void {
    if (this.#settled) return;
    this.#settled = true;
    try {
      this.#close();
    } finally {
      this.#discard();
    }
  }

  /** A descriptor that was closed may already be that of another file. */
  #openFd(): number {
    invariant(this.#fd !== undefined, `${this.#path} is closed`);
    return this.#fd;
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  /** Parts may arrive in any order, and holes are left in a file of full length. One dense write sets it by itself. */
  #setLengthBefore(count: number): void {
    if (this.#lengthIsSet) return;
    const { size } = this.#attributes;
    if (count < size || this.#sparseBlockSize !== undefined) ftruncateSync(this.#openFd(), size);
    this.#lengthIsSet = true;
  }

  #discard(): void {
    try {
      this.#placement.discard();
    } catch (cause) {
      if (systemErrorCode(cause) !== 'ENOENT') {
        throw targetError('remove incomplete', this.#path, cause);
      }
    }
  }
}
