import {
  LongshoreError,
  type ObjectID,
  type ObjectWriter,
  type RepositoryWriter,
} from '@longshore/repo';
import { MAX_READ_BYTES, type FileEntry } from '../entry.ts';
import {
  objectOptions,
  type SmallFileBatcher,
  type SmallFileOptions,
} from './small-file-batcher.ts';

/** Synchronous reads in a row before other work gets its turn. */
const BYTES_PER_TURN = 8 * MAX_READ_BYTES;

export interface FileUploadOptions extends SmallFileOptions {
  /**
   * Files above this many bytes are stored in parts of this size, each split on its own, in parallel. The
   * threshold decides object IDs: it must be Kopia's. Undefined: never.
   */
  readonly parallelUploadAboveSize: number | undefined;
}

export interface FileUploadEnvironment {
  readonly writer: RepositoryWriter;
  readonly batcher: SmallFileBatcher;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** True once the upload is to end in order: a file in progress is given up. */
  readonly isStopped: () => boolean;
  /** Runs parts side by side within the upload's parallelism. */
  readonly runParts: (parts: readonly (() => Promise<void>)[]) => Promise<void>;
}

/** The upload is ending: the file was given up in the middle and has no entry. */
export class UploadStopped extends LongshoreError {
  constructor(path: string) {
    super('ABORTED', `the upload was stopped in the middle of ${path}`, { path });
    this.name = 'UploadStopped';
  }
}

export interface UploadedFile {
  readonly objectID: ObjectID;
  /** Bytes read, which is what the entry records as its size. */
  readonly size: number;
  /** Parts of which the object was made. */
  readonly parts: number;
}

/** A part of a file: from `start` for `length` bytes, or to the end of the file. */
interface FilePart {
  readonly start: number;
  readonly length: number | undefined;
}

interface StoredPart {
  readonly objectID: ObjectID;
  readonly size: number;
}

/** The parts in which Kopia stores a file of `size` bytes. Source: docs/format/object.md, "concatenation". */
function fileParts(size: number, threshold: number | undefined): readonly FilePart[] {
  if (threshold === undefined || threshold <= 0 || size <= threshold) {
    return [{ start: 0, length: undefined }];
  }
  const fullParts = Math.floor(size / threshold);
  const parts: FilePart[] = [];
  for (let i = 0; i < fullParts; i++) parts.push({ start: i * threshold, length: threshold });
  parts.push({ start: fullParts * threshold, length: undefined });
  return parts;
}

/** Stores one regular file. */
export class FileUpload {
  readonly #environment: FileUploadEnvironment;
  readonly #file: FileEntry;
  readonly #options: FileUploadOptions;
  readonly #writers: Set<ObjectWriter> = new Set();
  /** By their number in the file. */
  readonly #storedParts: Map<number, StoredPart> = new Map();
  #partFailure: { readonly error: unknown } | undefined;

  constructor(environment: FileUploadEnvironment, file: FileEntry, options: FileUploadOptions) {
    this.#environment = environment;
    this.#file = file;
    this.#options = options;
  }

  /** Streams the file, in parts if it is large enough. */
  async run(): Promise<UploadedFile> {
    const [only, ...others] = fileParts(this.#file.size, this.#options.parallelUploadAboveSize);
    if (only === undefined || others.length > 0) {
      return this.#storeParts(only === undefined ? [] : [only, ...others]);
    }
    return { ...(await this.#storePart(only)), parts: 1 };
  }

  /**
   * What is stored so far, for a checkpoint: the object of each part that is done or in progress. Empty when nothing
   * was cut yet or when the file goes as one small content.
   */
  async checkpoint(): Promise<readonly ObjectID[]> {
    const ids: ObjectID[] = [];
    for (const writer of this.#writers) {
      const id = await writer.checkpoint();
      if (id !== undefined) ids.push(id);
    }
    // Last, since a part may have ended meanwhile.
    for (const { objectID } of this.#storedParts.values()) ids.push(objectID);
    return ids;
  }

  /** The same as one object; undefined if there is nothing yet. */
  async checkpointObject(): Promise<ObjectID | undefined> {
    const ids = await this.checkpoint();
    return ids.length > 1 ? this.#concatenate(ids) : ids[0];
  }

  #concatenate(ids: readonly ObjectID[]): Promise<ObjectID> {
    const { writer, signal } = this.#environment;
    return writer.concatenateObjects(
      ids,
      objectOptions({ ...this.#options, compressor: undefined }, signal),
    );
  }

  async #storeParts(parts: readonly FilePart[]): Promise<UploadedFile> {
    await this.#environment.runParts(
      parts.map((part, index) => async () => {
        try {
          this.#checkGoingOn();
          this.#storedParts.set(index, await this.#storePart(part));
        } catch (error) {
          // The other parts would be read in vain.
          this.#partFailure ??= { error };
          throw error;
        }
      }),
    );
    const stored = Array.from(parts, (_, index) => this.#storedParts.get(index)!);
    const objectID = await this.#concatenate(stored.map((part) => part.objectID));
    const size = stored.reduce((sum, part) => sum + part.size, 0);
    return { objectID, size, parts: parts.length };
  }

  async #storePart(part: FilePart): Promise<StoredPart> {
    if (this.#file.stream !== undefined)
      return this.#storeStream(this.#file.stream(part, this.#environment));
    const { writer, signal } = this.#environment;
    const reader = this.#file.open();
    try {
      await using object = writer.newObjectWriter(objectOptions(this.#options, signal));
      this.#writers.add(object);
      try {
        let position = part.start;
        let thisTurn = 0;
        for (let left = part.length ?? Infinity; left > 0;) {
          const window = await object.window(1);
          const count = reader.readInto(
            window.subarray(0, Math.min(window.length, left)),
            position,
          );
          if (count === 0) break;
          await object.advance(count);
          this.#environment.onBytes(count);
          position += count;
          left -= count;
          thisTurn += count;
          if (thisTurn < BYTES_PER_TURN) continue;
          thisTurn = 0;
          await nextTurn();
          this.#checkGoingOn();
        }
        return { objectID: await object.result(), size: object.length };
      } finally {
        this.#writers.delete(object);
      }
    } finally {
      reader.close();
    }
  }

  #checkGoingOn(): void {
    this.#environment.signal.throwIfAborted();
    if (this.#partFailure !== undefined) throw this.#partFailure.error;
    if (this.#environment.isStopped()) throw new UploadStopped(this.#file.name);
  }

  async #storeStream(pieces: AsyncIterable<Uint8Array>): Promise<StoredPart> {
    const { writer, signal, onBytes } = this.#environment;
    await using object = writer.newObjectWriter(objectOptions(this.#options, signal));
    this.#writers.add(object);
    try {
      for await (const piece of pieces) {
        await object.write(piece);
        onBytes(piece.length);
        this.#checkGoingOn();
      }
      return { objectID: await object.result(), size: object.length };
    } finally {
      this.#writers.delete(object);
    }
  }
}

/** Lets messages from workers, timers and requests through between synchronous reads. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
