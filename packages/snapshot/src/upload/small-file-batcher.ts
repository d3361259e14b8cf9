import type {
  CompressorName,
  ContentManager,
  ObjectID,
  ObjectWriterOptions,
  RepositoryWriter,
  Slot,
} from '@longshore/repo';
import type { FileEntry } from '../entry.ts';

/** Files of one batch at most. */
const MAX_FILES = 256;

/** Bytes of one batch at most: a message to a worker costs as much as hashing some tens of kilobytes. */
const MAX_BATCH_LENGTH = 2 * 1024 * 1024;

/** Files above this many bytes are streamed on their own. */
export const SMALL_FILE_LENGTH: number = 512 * 1024;

export interface SmallFileOptions {
  readonly compressor: CompressorName | undefined;
  readonly metadataCompressor: CompressorName | undefined;
  /** Undefined: the repository's. */
  readonly splitter: string | undefined;
}

/** Undefined: the file has grown since it was listed and must be streamed. */
export type StoredSmallFile = { readonly objectID: ObjectID; readonly length: number } | undefined;

interface PendingFile {
  readonly file: FileEntry;
  /** In the slot. */
  readonly offset: number;
  readonly capacity: number;
  readonly resolve: (stored: StoredSmallFile) => void;
  readonly reject: (error: unknown) => void;
}

class OpenBatch {
  readonly options: SmallFileOptions;
  readonly slot: Slot;
  readonly files: PendingFile[] = [];
  filled = 0;

  constructor(options: SmallFileOptions, slot: Slot) {
    this.options = options;
    this.slot = slot;
  }

  get limit(): number {
    return Math.min(MAX_BATCH_LENGTH, this.slot.bytes.length);
  }
}

/**
 * Collects small files, has them read into one buffer and stores them as one unit of work. A batch goes out
 * when it is full, or when the event loop has nothing else to add to it.
 */
export class SmallFileBatcher {
  readonly #writer: RepositoryWriter;
  readonly #contents: ContentManager;
  readonly #signal: AbortSignal;
  readonly #batches: Map<string, OpenBatch> = new Map();
  #opening: Promise<unknown> = Promise.resolve();
  #flushScheduled = false;

  constructor(writer: RepositoryWriter, signal: AbortSignal) {
    this.#writer = writer;
    this.#contents = writer.contents;
    this.#signal = signal;
  }

  /** Resolves when there is room for a file of `length` bytes, at most {@link SMALL_FILE_LENGTH}. */
  async makeRoom(length: number, options: SmallFileOptions): Promise<void> {
    while (!this.hasRoom(length, options)) await this.#openBatch(length, options);
  }

  hasRoom(length: number, options: SmallFileOptions): boolean {
    return this.#roomFor(length, options) !== undefined;
  }

  /** To be called while there is room: right after `makeRoom` or `hasRoom`. */
  add(file: FileEntry, options: SmallFileOptions): Promise<StoredSmallFile> {
    const batch = this.#roomFor(file.size, options);
    if (batch === undefined) throw new Error('a small file was added without room for it');
    const { promise, resolve, reject } = Promise.withResolvers<StoredSmallFile>();
    batch.files.push({ file, offset: batch.filled, capacity: file.size, resolve, reject });
    batch.filled += file.size;
    if (batch.files.length >= MAX_FILES || batch.filled >= batch.limit) this.#send(batch);
    else this.#scheduleFlush();
    return promise;
  }

  #roomFor(length: number, options: SmallFileOptions): OpenBatch | undefined {
    const current = this.#batches.get(batchKey(options));
    if (current === undefined || current.filled + length <= current.limit) return current;
    this.#send(current);
    return undefined;
  }

  /** One slot is waited for at a time, so that batches cannot take all slots from each other. */
  async #openBatch(length: number, options: SmallFileOptions): Promise<void> {
    const previous = this.#opening;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opening = promise;
    try {
      await previous;
      if (this.#roomFor(length, options) !== undefined) return;
      const slot = await this.#contents.slots.acquire({ signal: this.#signal });
      this.#batches.set(batchKey(options), new OpenBatch(options, slot));
      this.#scheduleFlush();
    } finally {
      resolve();
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setTimeout(() => {
      this.#flushScheduled = false;
      for (const batch of this.#batches.values()) this.#send(batch);
    }, 0);
  }

  #send(batch: OpenBatch): void {
    const key = batchKey(batch.options);
    if (this.#batches.get(key) === batch) this.#batches.delete(key);
    void this.#store(batch);
  }

  async #store({ options, slot, files }: OpenBatch): Promise<void> {
    try {
      const loaded = await this.#load(files, slot);
      const read: { readonly pending: PendingFile; readonly data: Uint8Array }[] = [];
      const hashes: Uint8Array[] = [];
      for (const [index, pending] of files.entries()) {
        const file = loaded[index]!;
        if ('error' in file) {
          pending.reject(file.error);
        } else if ('grew' in file) {
          pending.resolve(undefined);
        } else {
          const data = slot.bytes.subarray(pending.offset, pending.offset + file.length);
          read.push({ pending, data });
          if (file.hash !== undefined) hashes.push(file.hash);
        }
      }
      const ids = await this.#writer.writeObjects(
        read.map(({ data }) => data),
        objectOptions(options, this.#signal),
        hashes.length === read.length ? hashes : undefined,
      );
      for (const [index, { pending, data }] of read.entries()) {
        pending.resolve({ objectID: ids[index]!, length: data.length });
      }
    } catch (error) {
      for (const { reject } of files) reject(error);
    } finally {
      slot.release();
    }
  }

  /** Where the engine's own threads read, they hash as well. */
  async #load(files: readonly PendingFile[], slot: Slot): Promise<readonly ReadFile[]> {
    const { loadFiles } = this.#contents;
    const toLoad = files.flatMap(({ file: { localPath }, offset, capacity }) =>
      localPath === undefined ? [] : { path: localPath, offset, capacity },
    );
    if (loadFiles !== undefined && toLoad.length === files.length) {
      return loadFiles(toLoad, slot, { signal: this.#signal });
    }
    return files.map(({ file, offset, capacity }) => readFile(file, slot, offset, capacity));
  }
}

type ReadFile =
  | { readonly length: number; readonly hash?: Uint8Array }
  | { readonly grew: true }
  | { readonly error: unknown };

function readFile(file: FileEntry, slot: Slot, offset: number, capacity: number): ReadFile {
  try {
    const length = file.readWhole(slot.bytes.subarray(offset, offset + capacity));
    return length === undefined ? { grew: true } : { length };
  } catch (error) {
    return { error };
  }
}

function batchKey({ compressor, splitter, metadataCompressor }: SmallFileOptions): string {
  return `${compressor ?? ''} ${splitter ?? ''} ${metadataCompressor ?? ''}`;
}

export function objectOptions(options: SmallFileOptions, signal: AbortSignal): ObjectWriterOptions {
  const { compressor, metadataCompressor, splitter } = options;
  return {
    compressor,
    metadataCompressor,
    signal,
    ...(splitter === undefined ? {} : { splitter }),
  };
}
