import { readSync } from 'node:fs';
import {
  GO_ZERO_TIME,
  LongshoreError,
  NANOSECONDS_PER_MILLISECOND,
  parseGoTime,
} from '@longshore/repo';
import type { DirectoryEntry, FileEntry } from '@longshore/snapshot';
import { errnoOf } from '../config/errno.ts';

const STDIN = 0;
const WAIT_MILLISECONDS = 5;
const MODE = 0o777;

/**
 * A folder with one file that holds what comes from standard input, as Kopia makes it up: the folder has the
 * given path as its name, and the zero time of Go.
 */
export function stdinDirectory(path: string, fileName: string): DirectoryEntry {
  const metadata = {
    rawName: undefined,
    mode: MODE,
    size: 0,
    uid: 0,
    gid: 0,
    device: 0n,
    inode: 0n,
  };
  const file: FileEntry = {
    ...metadata,
    type: 'f',
    name: fileName,
    mtime: BigInt(Date.now()) * NANOSECONDS_PER_MILLISECOND,
    // Its end is not known before it has come, so it is streamed whatever its size.
    readWhole: () => undefined,
    open: () => ({
      readInto: readStdin,
      dataRegions: () => [{ offset: 0, length: Number.MAX_SAFE_INTEGER }],
      close: () => undefined,
    }),
  };
  return {
    ...metadata,
    type: 'd',
    name: path,
    mtime: parseGoTime(GO_ZERO_TIME, 'zero time'),
    readChildren: async () => [file],
  };
}

/** Waits for input where the pipe does not block by itself. */
function readStdin(target: Uint8Array): number {
  for (;;) {
    try {
      return readSync(STDIN, target, 0, target.length, null);
    } catch (cause) {
      const code = errnoOf(cause);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') {
        throw new LongshoreError('SOURCE_UNREADABLE', `cannot read standard input (${code})`, {
          cause,
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MILLISECONDS);
    }
  }
}
