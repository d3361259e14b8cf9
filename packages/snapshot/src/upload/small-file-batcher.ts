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

/** `grew`: the file is longer now than it was listed and must be streamed. */
export type SmallFileOutcome =
  | { readonly objectID: ObjectID; readonly length: number }
  | { readonly grew: true }
  | { readonly error: unknown };

interface PendingFile {
  readonly file: FileEntry;
  /** In the slot. */
  readonly offset: number;
  readonly capacity: number;
  /** Called once. A callback and not a promise: there may be millions of small files. */
  readonly done: (outcome: SmallFileOutcome) => void;
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
  /** By their options, which are the same object for all files that are stored alike. */
  readonly #batches: Map<SmallFileOptions, OpenBatch> = new Map();
  #opening: Promise<unknown> = Promise.resolve();
  #flushScheduled = false;

  constructor(writer: RepositoryWriter, signal: AbortSignal) {
    this.#writer = writer;
    this.#contents = writer.contents;
    this.#signal = signal;
  }

  /** False if there is no room at the moment. */
  tryAdd(
    file: FileEntry,
    options: SmallFileOptions,
    done: (outcome: SmallFileOutcome) => void,
  ): boolean {
    const batch = this.#roomFor(file.size, options);
    if (batch === undefined) return false;
    batch.files.push({ file, offset: batch.filled, capacity: file.size, done });
    batch.filled += file.size;
    if (batch.files.length >= MAX_FILES || batch.filled >= batch.limit) this.#send(batch);
    else this.#scheduleFlush();
    return true;
  }

  /** Adds the file as soon as there is room; rejects only if the upload is aborted. */
  async add(
    file: FileEntry,
    options: SmallFileOptions,
    done: (outcome: SmallFileOutcome) => void,
  ): Promise<void> {
    // Others may have taken the room by the time this one goes on.
    while (!this.tryAdd(file, options, done)) await this.#openBatch(file.size, options);
  }

  /** A batch that the file does not fit into any more is sent. */
  #roomFor(length: number, options: SmallFileOptions): OpenBatch | undefined {
    const current = this.#batches.get(options);
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
      this.#batches.set(options, new OpenBatch(options, slot));
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
    if (this.#batches.get(batch.options) === batch) this.#batches.delete(batch.options);
    void this.#store(batch);
  }

  async #store({ options, slot, files }: OpenBatch): Promise<void> {
    let left = files;
    try {
      const loaded = await this.#load(files, slot);
      const read: PendingFile[] = [];
      const data: Uint8Array[] = [];
      const hashes: Uint8Array[] = [];
      for (const [index, pending] of files.entries()) {
        const file = loaded[index]!;
        if (!('length' in file)) {
          pending.done(file);
          continue;
        }
        read.push(pending);
        data.push(slot.bytes.subarray(pending.offset, pending.offset + file.length));
        if (file.hash !== undefined) hashes.push(file.hash);
      }
      left = read;
      const ids = await this.#writer.writeObjects(
        data,
        objectOptions(options, this.#signal),
        hashes.length === read.length ? hashes : undefined,
      );
      left = [];
      for (const [index, { done }] of read.entries()) {
        done({ objectID: ids[index]!, length: data[index]!.length });
      }
    } catch (error) {
      for (const { done } of left) done({ error });
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

export function objectOptions(options: SmallFileOptions, signal: AbortSignal): ObjectWriterOptions {
  const { compressor, metadataCompressor, splitter } = options;
  return {
    compressor,
    metadataCompressor,
    signal,
    ...(splitter === undefined ? {} : { splitter }),
  };
}
