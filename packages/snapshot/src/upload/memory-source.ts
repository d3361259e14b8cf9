import { encodeUtf8, LongshoreError } from '@longshore/repo';
import type {
  DirectoryEntry,
  Entry,
  EntryMetadata,
  ErrorEntry,
  FileEntry,
  FileReader,
  SymlinkEntry,
  UnknownEntry,
} from '../entry.ts';

/** For tests: a source tree in memory that counts what is read of it. */
export class MemorySource {
  /** Paths of files whose bytes were read, in order. */
  readonly read: string[] = [];

  file(
    name: string,
    content: string | Uint8Array,
    metadata: Partial<EntryMetadata> & {
      readonly error?: string;
      /** What reading really gives. */
      readonly actual?: Uint8Array;
    } = {},
  ): FileEntry {
    const { error, actual, ...rest } = metadata;
    const listed = typeof content === 'string' ? encodeUtf8(content) : content;
    const bytes = actual ?? listed;
    const check = (): void => {
      if (error !== undefined) {
        throw new LongshoreError('SOURCE_UNREADABLE', `read ${name}: ${error}`, { path: name });
      }
      this.read.push(name);
    };
    return {
      ...defaultMetadata(name, 0o644),
      size: listed.length,
      ...rest,
      type: 'f',
      open: () => {
        check();
        return new BytesReader(bytes);
      },
      readWhole: (target) => {
        check();
        if (bytes.length > target.length) return undefined;
        target.set(bytes);
        return bytes.length;
      },
    };
  }

  directory(
    name: string,
    children: readonly Entry[],
    metadata: Partial<EntryMetadata> & { readonly error?: string } = {},
  ): DirectoryEntry {
    const { error, ...rest } = metadata;
    return {
      ...defaultMetadata(name, 0o755),
      ...rest,
      type: 'd',
      readChildren: async () => {
        if (error === undefined) return children;
        throw new LongshoreError('SOURCE_UNREADABLE', `list ${name}: ${error}`, { path: name });
      },
    };
  }

  symlink(name: string, target: string, leadsTo?: Entry): SymlinkEntry {
    return {
      ...defaultMetadata(name, 0o777),
      size: encodeUtf8(target).length,
      type: 's',
      readTarget: () => {
        this.read.push(name);
        return encodeUtf8(target);
      },
      resolve: () => leadsTo,
    };
  }

  fifo(name: string): UnknownEntry {
    return { ...defaultMetadata(name, 0o600), type: 'unknown', kind: 'fifo' };
  }

  hidden(name: string, expectedType: 'd' | 'f'): ErrorEntry {
    const error = new LongshoreError('SOURCE_UNREADABLE', `examine ${name}: no permission`);
    return { ...defaultMetadata(name, 0), type: 'e', expectedType, error };
  }
}

function defaultMetadata(name: string, mode: number): EntryMetadata {
  return {
    name,
    rawName: undefined,
    mode,
    size: 0,
    mtime: 1_700_000_000_123_456_789n,
    uid: 1000,
    gid: 100,
    device: 1n,
    inode: 1n,
  };
}

class BytesReader implements FileReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  readInto(target: Uint8Array, position: number = this.#position): number {
    const piece = this.#bytes.subarray(position, position + target.length);
    target.set(piece);
    this.#position = position + piece.length;
    return piece.length;
  }

  *dataRegions(size: number): Generator<{ offset: number; length: number }> {
    yield { offset: 0, length: size };
  }

  close(): void {}
}
