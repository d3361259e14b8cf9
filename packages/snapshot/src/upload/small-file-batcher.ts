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

interface PendingFile {
  readonly offset: number;
  readonly length: number;
  readonly resolve: (id: ObjectID) => void;
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
 * Reads small files into one buffer and stores them as one unit of work. A batch goes out when it is full,
 * or when the event loop has nothing else to add to it.
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

  /**
   * The object of a file that is expected to have `expectedLength` bytes, at most {@link SMALL_FILE_LENGTH};
   * undefined if it has grown beyond that. `stored` settles when the object is in the repository.
   */
  async add(
    file: FileEntry,
    options: SmallFileOptions,
  ): Promise<{ readonly length: number; readonly stored: Promise<ObjectID> } | undefined> {
    let batch = this.#roomFor(file.size, options);
    while (batch === undefined) {
      await this.#openBatch(file.size, options);
      batch = this.#roomFor(file.size, options);
    }
    // Nothing is awaited from here on: the batch cannot leave before the file is in it.
    // One byte more than expected shows whether the file grew.
    const room = batch.slot.bytes.subarray(batch.filled);
    const length = file.readWhole(room.subarray(0, Math.min(room.length, SMALL_FILE_LENGTH + 1)));
    if (length === undefined || length > SMALL_FILE_LENGTH) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<ObjectID>();
    batch.files.push({ offset: batch.filled, length, resolve, reject });
    batch.filled += length;
    if (batch.files.length >= MAX_FILES || batch.filled >= batch.limit) this.#send(batch);
    else this.#scheduleFlush();
    return { length, stored: promise };
  }

  /** Sends everything that waits. */
  flush(): void {
    for (const batch of this.#batches.values()) this.#send(batch);
  }

  #roomFor(length: number, options: SmallFileOptions): OpenBatch | undefined {
    const current = this.#batches.get(batchKey(options));
    if (current === undefined || current.filled + length < current.limit) return current;
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
      this.flush();
    }, 0);
  }

  #send(batch: OpenBatch): void {
    for (const [key, open] of this.#batches) if (open === batch) this.#batches.delete(key);
    void this.#store(batch);
  }

  async #store({ options, slot, files }: OpenBatch): Promise<void> {
    try {
      const pieces = files.map(({ offset, length }) =>
        slot.bytes.subarray(offset, offset + length),
      );
      const ids = await this.#writer.writeObjects(pieces, objectOptions(options, this.#signal));
      for (const [index, file] of files.entries()) file.resolve(ids[index]!);
    } catch (error) {
      for (const file of files) file.reject(error);
    } finally {
      slot.release();
    }
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
