import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { LongshoreError, type ByteRange } from '@longshore/repo';
import { MAX_READ_BYTES, type FileReader } from '../entry.ts';
import type { LocalPath } from './local-path.ts';
import type { SystemCalls } from './system-calls.ts';
import { sourceError } from './system-error.ts';

// The file may have been replaced since it was examined: a symlink is not followed, a FIFO does not block.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function openLocalFile(path: LocalPath, systemCalls: SystemCalls): FileReader {
  return new LocalFileReader(openRegularFile(path).fd, path, systemCalls);
}

/** See `FileEntry.readWhole`. */
export function readWholeLocalFile(path: LocalPath, target: Uint8Array): number | undefined {
  const { fd, size } = openRegularFile(path);
  try {
    let length = 0;
    while (length < target.length) {
      const count = readSync(fd, target, length, target.length - length, null);
      length += count;
      // All of it as of now; a size of 0 may also be that of a file whose length nobody knows.
      if (count === 0 || length === size) return length;
    }
    return readSync(fd, new Uint8Array(1), 0, 1, null) === 0 ? length : undefined;
  } catch (cause) {
    throw sourceError('read', path.toString(), cause);
  } finally {
    closeSync(fd);
  }
}

function openRegularFile(path: LocalPath): { readonly fd: number; readonly size: number } {
  let fd: number;
  try {
    fd = openSync(path, OPEN_FLAGS);
  } catch (cause) {
    throw sourceError('open', path.toString(), cause);
  }
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, size: stats.size };
  closeSync(fd);
  throw new LongshoreError('SOURCE_UNREADABLE', `open ${path.toString()}: no longer a file`, {
    path: path.toString(),
  });
}

class LocalFileReader implements FileReader {
  readonly #path: LocalPath;
  readonly #systemCalls: SystemCalls;
  #fd: number | undefined;
  // Kept here and not in the descriptor, whose offset `dataRegions` moves.
  #position = 0;

  constructor(fd: number, path: LocalPath, systemCalls: SystemCalls) {
    this.#fd = fd;
    this.#path = path;
    this.#systemCalls = systemCalls;
  }

  readInto(target: Uint8Array, position: number = this.#position): number {
    const length = Math.min(target.length, MAX_READ_BYTES);
    try {
      const count = readSync(this.#openFd(), target, 0, length, position);
      this.#position = position + count;
      return count;
    } catch (cause) {
      throw sourceError('read', this.#path.toString(), cause);
    }
  }

  *dataRegions(size: number): Generator<ByteRange, void, void> {
    try {
      yield* this.#systemCalls.dataRegions(this.#openFd(), size);
    } catch (cause) {
      throw sourceError('seek', this.#path.toString(), cause);
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #openFd(): number {
    if (this.#fd === undefined) throw new Error('the file is closed');
    return this.#fd;
  }
}
