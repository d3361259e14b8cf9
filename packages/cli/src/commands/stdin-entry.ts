import {
  describeError,
  GO_ZERO_TIME,
  LongshoreError,
  NANOSECONDS_PER_MILLISECOND,
  parseGoTime,
} from '@longshore/repo';
import type { DirectoryEntry, FileEntry } from '@longshore/snapshot';

const MODE = 0o777;

/**
 * A folder with one file that holds what comes from standard input, as Kopia makes it up: the folder has the
 * given path as its name, and the zero time of Go. Aborting `stopSignal` ends the wait for more input.
 */
export function stdinDirectory(
  path: string,
  fileName: string,
  stopSignal: AbortSignal,
): DirectoryEntry {
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
    stream: () => readStdin(stopSignal),
    // Neither is called where there is a stream.
    readWhole: () => undefined,
    open: () => {
      throw new LongshoreError('UNSUPPORTED', 'standard input can only be streamed');
    },
  };
  return {
    ...metadata,
    type: 'd',
    name: path,
    mtime: parseGoTime(GO_ZERO_TIME, 'zero time'),
    readChildren: async () => [file],
  };
}

/** What comes, piece by piece. Once it is to stop, an empty piece gives the reader its turn. */
async function* readStdin(stopSignal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  const pieces = process.stdin.iterator() as AsyncIterator<Uint8Array, undefined>;
  const stopped = new Promise<{ readonly done: false; readonly value: Uint8Array }>((resolve) => {
    const stop = (): void => {
      resolve({ done: false, value: new Uint8Array() });
    };
    if (stopSignal.aborted) stop();
    else stopSignal.addEventListener('abort', stop, { once: true });
  });
  try {
    for (;;) {
      const next = await Promise.race([pieces.next(), stopped]);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (cause) {
    throw new LongshoreError(
      'SOURCE_UNREADABLE',
      `cannot read standard input: ${describeError(cause)}`,
      { cause },
    );
  } finally {
    process.stdin.destroy();
  }
}
