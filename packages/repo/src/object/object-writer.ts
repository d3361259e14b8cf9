import { abortOptions } from '../blob/storage.ts';
import type { Splitter } from '@longshore/chunker';
import { encodeUtf8 } from '../bytes.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { withCompressionHeader } from '../content/content-kernel.ts';
import type { ContentManager, WriteContentOptions } from '../content/content-manager.ts';
import type { ContentPrefix } from '../content/content-id.ts';
import type { Slot, SlotPool } from '../content/content-preparer.ts';
import { createSlotPool } from '../content/in-thread-preparer.ts';
import { invariant, LongshoreError } from '../errors.ts';
import type { ObjectChunk, ObjectWriter, ObjectWriterOptions } from '../repository-contract.ts';
import { encodeIndexObject } from './indirect.ts';
import { makeObjectID, type ObjectID } from './object-id.ts';

/** Most bytes that one `window` offers: what may have to move to the next slot after a cut. */
export const MAX_WINDOW: number = 1024 * 1024;

/** Bytes of a slot in which each chunk of a splitter ends and each window is as large as asked for. */
export function slotSizeFor({ maxSegmentSize }: Pick<Splitter, 'maxSegmentSize'>): number {
  return maxSegmentSize + MAX_WINDOW;
}

export interface ObjectWriterEnvironment {
  readonly contents: ContentManager;
  readonly compressors: CompressorTable;
  /** An unknown or empty name gives the repository's own splitter. */
  readonly createSplitter: (name: string | undefined) => Splitter;
}

/** A slot that several chunks share; it goes back when the last of them is stored. */
class SharedSlot {
  readonly bytes: Uint8Array;
  readonly #slot: Slot;
  #holders = 1;

  constructor(slot: Slot) {
    this.#slot = slot;
    this.bytes = slot.bytes;
  }

  retain(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#slot.release();
  }
}

/**
 * Stores the chunks of objects. File data of repositories with index version 1 is compressed here, before
 * it is hashed; everywhere else compression belongs to the content layer. Source: docs/format/object.md.
 */
export class ChunkStore {
  readonly #environment: ObjectWriterEnvironment;

  constructor(environment: ObjectWriterEnvironment) {
    this.#environment = environment;
  }

  /** `hashes`: of each chunk, where they are known already. */
  async write(
    batch: readonly Uint8Array[],
    options: ObjectWriterOptions,
    hashes?: readonly Uint8Array[],
  ): Promise<readonly ObjectID[]> {
    const { contents } = this.#environment;
    const { prefix = '', compressor, signal } = options;
    if (contents.format.indexVersion === 1) {
      return this.#writeOldForm(batch, prefix, compressor, signal);
    }
    const ids = await contents.writeContents(batch, {
      ...contentOptions(prefix, compressor, signal),
      hashes,
    });
    return ids.map((contentID) => makeObjectID({ indirection: 0, compressed: false, contentID }));
  }

  async #writeOldForm(
    batch: readonly Uint8Array[],
    prefix: ContentPrefix,
    compressor: CompressorName | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly ObjectID[]> {
    const forms = batch.map((data) => {
      const compressed = prefix === '' ? this.#compress(data, compressor) : undefined;
      return { data: compressed ?? data, compressed: compressed !== undefined };
    });
    const ids = await this.#environment.contents.writeContents(
      forms.map(({ data }) => data),
      contentOptions(prefix, undefined, signal),
    );
    return ids.map((contentID, index) =>
      makeObjectID({ indirection: 0, compressed: forms[index]!.compressed, contentID }),
    );
  }

  #compress(data: Uint8Array, name: CompressorName | undefined): Uint8Array | undefined {
    if (name === undefined) return undefined;
    const { headerID, compress } = this.#environment.compressors.byName(name);
    if (compress === undefined) return undefined;
    const payload = withCompressionHeader(headerID, compress(data));
    return payload.length < data.length ? payload : undefined;
  }
}

function contentOptions(
  prefix: ContentPrefix,
  compressor: CompressorName | undefined,
  signal: AbortSignal | undefined,
): WriteContentOptions {
  return { prefix, compressor, ...abortOptions({ signal }) };
}

/** One object out of its chunks in order: the chunk itself, or an index object over several. */
async function finishObject(
  environment: ObjectWriterEnvironment,
  chunks: readonly ObjectChunk[],
  options: ObjectWriterOptions,
): Promise<ObjectID> {
  const [only] = chunks;
  invariant(only !== undefined, 'an object has at least one chunk');
  if (chunks.length === 1) return only.objectID;
  return writeIndexObject(environment, chunks, options);
}

/** `I` + the ID of an index object over `chunks`, which is itself split by the repository's splitter. */
export async function writeIndexObject(
  environment: ObjectWriterEnvironment,
  chunks: readonly ObjectChunk[],
  options: ObjectWriterOptions,
): Promise<ObjectID> {
  const prefix = options.prefix === undefined || options.prefix === '' ? 'x' : options.prefix;
  const { metadataCompressor, signal } = options;
  const index = await writeWholeObject(environment, encodeIndexObject(chunks), {
    prefix,
    compressor: metadataCompressor,
    metadataCompressor,
    ...abortOptions({ signal }),
  });
  return `I${index}` as ObjectID;
}

/** An object whose bytes are all at hand. */
export async function writeWholeObject(
  environment: ObjectWriterEnvironment,
  data: Uint8Array,
  options: ObjectWriterOptions,
): Promise<ObjectID> {
  const splitter = environment.createSplitter(options.splitter);
  const pieces = data.length <= splitter.minSegmentSize ? [data] : [...segmentsOf(data, splitter)];
  const ids = await new ChunkStore(environment).write(pieces, options);
  let start = 0;
  const chunks = pieces.map((piece, index) => {
    const chunk = { start, length: piece.length, objectID: ids[index]! };
    start += piece.length;
    return chunk;
  });
  return finishObject(environment, chunks, options);
}

function* segmentsOf(data: Uint8Array, splitter: Splitter): Generator<Uint8Array> {
  let rest = data;
  while (rest.length > 0) {
    const cut = splitter.nextSplitPoint(rest);
    const end = cut === -1 ? rest.length : cut;
    yield rest.subarray(0, end);
    rest = rest.subarray(end);
  }
}

/**
 * Writes one object from a stream of bytes; chunks are prepared while more bytes come in. Collects them in
 * slots of the repository while it may hold one, else in one buffer of its own: that many writers are open,
 * or that the splitter cuts larger chunks than the repository's, costs memory and never blocks.
 */
export class StreamingObjectWriter implements ObjectWriter {
  readonly #environment: ObjectWriterEnvironment;
  readonly #options: ObjectWriterOptions;
  readonly #store: ChunkStore;
  readonly #splitter: Splitter;
  readonly #chunks: {
    readonly start: number;
    readonly length: number;
    id: ObjectID | undefined;
  }[] = [];
  readonly #running: Set<Promise<void>> = new Set();
  #slots: SlotPool | undefined;
  #endHold: (() => void) | undefined;
  #slot: SharedSlot | undefined;
  #chunkStart = 0;
  #filled = 0;
  #length = 0;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;

  constructor(environment: ObjectWriterEnvironment, options: ObjectWriterOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#store = new ChunkStore(environment);
    this.#splitter = environment.createSplitter(options.splitter);
  }

  get length(): number {
    return this.#length;
  }

  async write(data: Uint8Array): Promise<void> {
    let rest = data;
    while (rest.length > 0) {
      const window = await this.window(1);
      const count = Math.min(window.length, rest.length);
      this.#environment.contents.slots.copy(rest.subarray(0, count), window);
      await this.advance(count);
      rest = rest.subarray(count);
    }
  }

  async window(minimum: number): Promise<Uint8Array> {
    invariant(minimum > 0 && minimum <= MAX_WINDOW, 'a window has 1 byte to 1 MiB');
    this.#check();
    const slot = await this.#currentSlot();
    const room = Math.min(MAX_WINDOW, slot.bytes.length - this.#filled);
    if (room >= minimum) return slot.bytes.subarray(this.#filled, this.#filled + room);
    const moved = await this.#moveToNextSlot(slot);
    const end = Math.min(this.#filled + MAX_WINDOW, moved.bytes.length);
    return moved.bytes.subarray(this.#filled, end);
  }

  async advance(count: number): Promise<void> {
    this.#check();
    let slot = this.#slot;
    invariant(
      slot !== undefined && count >= 0 && this.#filled + count <= slot.bytes.length,
      'advance follows a window of at least as many bytes',
    );
    let scanned = this.#filled;
    this.#filled += count;
    this.#length += count;
    while (scanned < this.#filled) {
      const cut = this.#splitter.nextSplitPoint(slot.bytes.subarray(scanned, this.#filled));
      if (cut === -1) return;
      scanned += cut;
      this.#emit(slot, scanned);
      const room = slot.bytes.length - this.#chunkStart;
      if (room < this.#splitter.maxSegmentSize) {
        slot = await this.#moveToNextSlot(slot);
        scanned = 0;
      }
    }
  }

  /** The object may end while this is under way: who takes checkpoints does not know how far the writing is. */
  async checkpoint(): Promise<ObjectID | undefined> {
    this.#checkFailure();
    const stored: ObjectChunk[] = [];
    const atCall = [...this.#chunks];
    await Promise.all(this.#running);
    this.#checkFailure();
    for (const { start, length, id } of atCall) {
      invariant(id !== undefined, 'a chunk that is not running is stored');
      stored.push({ start, length, objectID: id });
    }
    if (stored.length === 0) return undefined;
    return finishObject(this.#environment, stored, this.#options);
  }

  async result(): Promise<ObjectID> {
    this.#check();
    if (this.#slot !== undefined && this.#filled > this.#chunkStart) {
      this.#emit(this.#slot, this.#filled);
    }
    this.#releaseSlots();
    await Promise.all(this.#running);
    this.#check();
    this.#ended = true;
    if (this.#chunks.length === 0) {
      return writeWholeObject(this.#environment, encodeUtf8(''), this.#options);
    }
    const chunks = this.#chunks.map(({ start, length, id }) => {
      invariant(id !== undefined, 'every chunk is stored by now');
      return { start, length, objectID: id };
    });
    return finishObject(this.#environment, chunks, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#releaseSlots();
    await Promise.all(this.#running);
  }

  #check(): void {
    this.#checkFailure();
    invariant(!this.#ended, 'an object writer is not used after its end');
  }

  #checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#options.signal?.throwIfAborted();
  }

  async #currentSlot(): Promise<SharedSlot> {
    if (this.#slot !== undefined) return this.#slot;
    const { signal } = this.#options;
    this.#slots ??= this.#chooseSlots();
    const slot = await this.#slots.acquire(abortOptions({ signal }));
    if (this.#ended) {
      slot.release();
      throw new LongshoreError('ABORTED', 'the object writer was closed');
    }
    this.#slot = new SharedSlot(slot);
    this.#chunkStart = 0;
    this.#filled = 0;
    return this.#slot;
  }

  #chooseSlots(): SlotPool {
    const { slots } = this.#environment.contents;
    const slotSize = slotSizeFor(this.#splitter);
    if (slotSize <= slots.slotSize) this.#endHold = slots.tryHold();
    return this.#endHold === undefined ? createSlotPool({ slotSize, count: 1 }) : slots;
  }

  /**
   * Carries the begun chunk over to the start of a fresh slot. The old slot goes back before the new one
   * is waited for: writers that wait hold nothing, so they cannot wait for each other.
   */
  async #moveToNextSlot(slot: SharedSlot): Promise<SharedSlot> {
    const begun = new Uint8Array(this.#filled - this.#chunkStart);
    this.#environment.contents.slots.copy(
      slot.bytes.subarray(this.#chunkStart, this.#filled),
      begun,
    );
    this.#releaseSlot();
    const next = await this.#currentSlot();
    this.#environment.contents.slots.copy(begun, next.bytes);
    this.#filled = begun.length;
    return next;
  }

  #releaseSlots(): void {
    this.#releaseSlot();
    this.#endHold?.();
    this.#endHold = undefined;
  }

  #releaseSlot(): void {
    this.#slot?.release();
    this.#slot = undefined;
  }

  /** Hands the chunk that ends at `end` to the content layer. */
  #emit(slot: SharedSlot, end: number): void {
    const data = slot.bytes.subarray(this.#chunkStart, end);
    const last = this.#chunks.at(-1);
    const start = last === undefined ? 0 : last.start + last.length;
    const chunk = { start, length: data.length, id: undefined as ObjectID | undefined };
    this.#chunks.push(chunk);
    this.#chunkStart = end;
    slot.retain();
    const task: Promise<void> = this.#storeChunk(data, chunk).finally(() => {
      slot.release();
      this.#running.delete(task);
    });
    this.#running.add(task);
  }

  async #storeChunk(data: Uint8Array, chunk: { id: ObjectID | undefined }): Promise<void> {
    try {
      [chunk.id] = await this.#store.write([data], this.#options);
    } catch (error) {
      this.#failure ??= { error };
    }
  }
}
