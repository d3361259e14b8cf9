import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { describeError, LongshoreError } from '../errors.ts';

// The file may have been replaced since it was examined: a symlink is not followed, a FIFO does not block.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A path for `node:fs`: bytes only if it is not valid UTF-8, because strings are several times cheaper. */
export type LocalPath = string | Uint8Array;

/** An open regular file and its size in bytes when it was opened. SOURCE_UNREADABLE if it is not one. */
export function openRegularFile(path: LocalPath): { readonly fd: number; readonly size: number } {
  const fsPath = typeof path === 'string' ? path : Buffer.from(path);
  let fd: number;
  try {
    fd = openSync(fsPath, OPEN_FLAGS);
  } catch (cause) {
    throw unreadable('open', path, cause);
  }
  try {
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, size: stats.size };
  } catch (cause) {
    closeSync(fd);
    throw unreadable('examine', path, cause);
  }
  closeSync(fd);
  throw unreadable('open', path, 'no longer a file');
}

/**
 * Reads a whole file to the start of `target`: its length, or undefined if it does not end within it.
 * SOURCE_UNREADABLE if it fails.
 */
export function readWholeFile(path: LocalPath, target: Uint8Array): number | undefined {
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
    throw unreadable('read', path, cause);
  } finally {
    closeSync(fd);
  }
}

function unreadable(action: string, path: LocalPath, cause: unknown): LongshoreError {
  const shown = typeof path === 'string' ? path : Buffer.from(path).toString();
  return new LongshoreError('SOURCE_UNREADABLE', `${action} ${shown}: ${describeError(cause)}`, {
    path: shown,
    cause,
  });
}
