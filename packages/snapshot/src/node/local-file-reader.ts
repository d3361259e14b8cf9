import { closeSync, readSync } from 'node:fs';
import type { ByteRange } from '@longshore/repo';
import { openRegularFile } from '@longshore/repo/node';
import { MAX_READ_BYTES, type FileReader } from '../entry.ts';
import type { LocalPath } from './join-local-path.ts';
import type { SystemCalls } from './system-calls.ts';
import { sourceError } from './system-error.ts';

export function openLocalFile(path: LocalPath, systemCalls: SystemCalls): FileReader {
  return new LocalFileReader(openRegularFile(path).fd, path, systemCalls);
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
