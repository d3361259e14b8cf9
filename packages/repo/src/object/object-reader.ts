import type { AbortOptions, ByteRange } from '../blob/storage.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { decompressWithHeader, MAX_CONTENT_LENGTH } from '../content/content-kernel.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentReader } from '../content/content-reader.ts';
import { CorruptDataError, invariant, LongshoreError } from '../errors.ts';
import type { ObjectChunk, ObjectReader, StreamOptions } from '../repository-contract.ts';
import { parseIndexObject } from './indirect.ts';
import { indexObjectID, objectReference, type ObjectID } from './object-id.ts';

/** Deepest `I` chain that is followed; four levels of the smallest splitter already exceed 2^53 bytes. */
const MAX_INDIRECTION = 16;

/** Largest index object that is loaded: some 8 million chunks. */
const MAX_INDEX_OBJECT_LENGTH = 1024 * 1024 * 1024;

/** Most chunks of one object; at the default splitter's average that is 64 TiB. */
const MAX_CHUNKS = 2 ** 24;

/** Most index objects within one object. Kopia's lists are flat: only nesting repeats an index object. */
const MAX_INDEX_OBJECTS = 4096;

/** Chunks that a stream reads ahead. */
const READ_AHEAD_CHUNKS = 2;

export interface ObjectReaderEnvironment {
  readonly contents: ContentReader;
  readonly compressors: CompressorTable;
}

/** The chunks of an object in order, index objects of any depth flattened. */
export async function objectChunks(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  options: AbortOptions = {},
): Promise<readonly ObjectChunk[]> {
  const index = indexObjectID(id);
  if (index === undefined) {
    return [{ start: 0, length: await directLength(environment, id, options), objectID: id }];
  }
  const chunks: ObjectChunk[] = [];
  const nesting = new Nesting();
  await collectChunks(environment, { id, index, start: 0, depth: 1, nesting }, chunks, options);
  return chunks;
}

/** An indirect object within another one, `depth` index objects below the outermost. */
interface NestedObject {
  readonly id: ObjectID;
  readonly index: ObjectID;
  readonly start: number;
  readonly depth: number;
  readonly nesting: Nesting;
}

/** Bounds how index objects list each other: each could multiply what the ones below it list. */
class Nesting {
  #count = 0;

  enter(id: ObjectID, depth: number): void {
    this.#count += 1;
    if (depth <= MAX_INDIRECTION && this.#count <= MAX_INDEX_OBJECTS) return;
    throw new CorruptDataError(
      `object ${id}: index object ${this.#count} of one object, ${depth} deep`,
    );
  }
}

/** Appends the chunks of `object` to `chunks`; returns where it ends. */
async function collectChunks(
  environment: ObjectReaderEnvironment,
  { id, index, start, depth, nesting }: NestedObject,
  chunks: ObjectChunk[],
  options: AbortOptions,
): Promise<number> {
  nesting.enter(id, depth);
  let end = start;
  for (const chunk of await listedChunks(environment, id, index, options)) {
    const placed = { ...chunk, start: start + chunk.start };
    const nestedIndex = indexObjectID(chunk.objectID);
    end = placed.start + placed.length;
    if (nestedIndex === undefined) {
      chunks.push(placed);
    } else {
      const inner = { id: chunk.objectID, index: nestedIndex, depth: depth + 1, nesting };
      const nested = { ...inner, start: placed.start };
      if ((await collectChunks(environment, nested, chunks, options)) !== end) {
        throw new CorruptDataError(
          `object ${chunk.objectID}: not the ${chunk.length} bytes that the index object above it says`,
        );
      }
    }
    if (chunks.length > MAX_CHUNKS) {
      throw new CorruptDataError(`object ${id}: more than ${MAX_CHUNKS} chunks`);
    }
  }
  return end;
}

/** What the index object of `id` itself lists; nothing in it is deeper than `id`. */
async function listedChunks(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  index: ObjectID,
  options: AbortOptions,
): Promise<readonly ObjectChunk[]> {
  const { indirection } = objectReference(id);
  if (indirection > MAX_INDIRECTION) {
    throw new CorruptDataError(
      `object ${id}: more than ${MAX_INDIRECTION} levels of index objects`,
    );
  }
  const stream = await readWholeObject(environment, index, MAX_INDEX_OBJECT_LENGTH, options);
  const chunks = parseIndexObject(stream, `index object ${index}`);
  const deeper = chunks.find(({ objectID }) => objectReference(objectID).indirection > indirection);
  if (deeper !== undefined) {
    throw new CorruptDataError(`object ${id}: lists the deeper object ${deeper.objectID}`);
  }
  return chunks;
}

/** All bytes of an object of at most `limit` bytes; a longer one is CORRUPT_DATA. */
export async function readWholeObject(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  limit: number,
  options: AbortOptions = {},
): Promise<Uint8Array> {
  if (indexObjectID(id) === undefined) return readDirect(environment, id, undefined, options);
  const reader = await openObject(environment, id, options);
  if (reader.length > limit) {
    throw new CorruptDataError(`object ${id}: ${reader.length} bytes, at most ${limit} expected`);
  }
  return reader.read({ offset: 0, length: reader.length }, options);
}

export async function openObject(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  options: AbortOptions = {},
): Promise<ObjectReader> {
  return new ChunkedObjectReader(environment, await objectChunks(environment, id, options));
}

/** Each content below an object: of its index objects first, then of its chunks. */
export async function* verifyObject(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  options: AbortOptions = {},
): AsyncGenerator<ContentID, void, void> {
  yield* verifyNested(environment, id, { depth: 1, nesting: new Nesting() }, options);
}

async function* verifyNested(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  { depth, nesting }: Pick<NestedObject, 'depth' | 'nesting'>,
  options: AbortOptions,
): AsyncGenerator<ContentID, void, void> {
  options.signal?.throwIfAborted();
  const index = indexObjectID(id);
  if (index === undefined) {
    yield existingContent(environment, id);
    return;
  }
  nesting.enter(id, depth);
  const below = { depth: depth + 1, nesting };
  yield* verifyNested(environment, index, below, options);
  for (const { objectID } of await listedChunks(environment, id, index, options)) {
    if (indexObjectID(objectID) === undefined) yield existingContent(environment, objectID);
    else yield* verifyNested(environment, objectID, below, options);
  }
}

function existingContent(environment: ObjectReaderEnvironment, id: ObjectID): ContentID {
  const { contentID } = objectReference(id);
  if (environment.contents.contentInfo(contentID) === undefined) throw missingContent(id);
  return contentID;
}

function missingContent(id: ObjectID): LongshoreError {
  const { contentID } = objectReference(id);
  return new LongshoreError(
    'CONTENT_NOT_FOUND',
    `object ${id}: content ${contentID} is in no index of the repository`,
    { contentID, objectID: id },
  );
}

async function directLength(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  options: AbortOptions,
): Promise<number> {
  const { compressed, contentID } = objectReference(id);
  const info = environment.contents.contentInfo(contentID);
  if (info === undefined) throw missingContent(id);
  const { ecc, indexVersion } = environment.contents.format;
  // An index of version 1 does not know how much of the stored length is error correction.
  const isStated = !compressed && (ecc === undefined || indexVersion > 1);
  if (isStated) return info.originalLength;
  return (await readDirect(environment, id, undefined, options)).length;
}

/** The bytes of an object that is one content; `expectedLength` is what an index object says. */
async function readDirect(
  environment: ObjectReaderEnvironment,
  id: ObjectID,
  expectedLength: number | undefined,
  options: AbortOptions,
): Promise<Uint8Array> {
  const { contentID } = objectReference(id);
  const content = await environment.contents.getContent(contentID, options);
  return decodeDirectObject(environment.compressors, id, content, expectedLength);
}

/**
 * Turns a content's bytes into the object's: undoes the object layer's compression of old repositories
 * and compares the length with what an index object said.
 */
export function decodeDirectObject(
  compressors: CompressorTable,
  id: ObjectID,
  content: Uint8Array,
  expectedLength: number | undefined,
): Uint8Array {
  const what = `object ${id}`;
  const data = objectReference(id).compressed
    ? decompressWithHeader(
        compressors,
        content,
        undefined,
        expectedLength ?? MAX_CONTENT_LENGTH,
        what,
      )
    : content;
  if (expectedLength !== undefined && data.length !== expectedLength) {
    throw new CorruptDataError(
      `${what}: ${data.length} bytes, its index object says ${expectedLength}`,
    );
  }
  return data;
}

class ChunkedObjectReader implements ObjectReader {
  readonly length: number;
  readonly #environment: ObjectReaderEnvironment;
  readonly #chunks: readonly ObjectChunk[];
  /** Small reads in a row hit the same chunk: the last one is kept. */
  #lastRead: { readonly chunk: ObjectChunk; readonly data: Uint8Array } | undefined;

  constructor(environment: ObjectReaderEnvironment, chunks: readonly ObjectChunk[]) {
    this.#environment = environment;
    this.#chunks = chunks;
    const last = chunks.at(-1);
    invariant(last !== undefined, 'an object has at least one chunk');
    this.length = last.start + last.length;
  }

  async read(range: ByteRange, options: AbortOptions = {}): Promise<Uint8Array> {
    const clipped = this.#clip(range);
    const result = new Uint8Array(clipped.length);
    let offset = 0;
    for await (const { chunk, data } of this.#chunksIn(clipped, options)) {
      this.#lastRead = { chunk, data };
      const piece = overlap(chunk, data, clipped);
      result.set(piece, offset);
      offset += piece.length;
    }
    return result;
  }

  async *stream(options: StreamOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const clipped = this.#clip(options.range ?? { offset: 0, length: this.length });
    for await (const { chunk, data } of this.#chunksIn(clipped, options)) {
      const piece = overlap(chunk, data, clipped);
      // The receiver may do with a piece what it likes, so it is none of what `read` keeps.
      if (piece.length > 0) yield data === this.#lastRead?.data ? piece.slice() : piece;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lastRead = undefined;
  }

  /** The chunks that the range touches, in order; what was read ahead is given up when the caller stops. */
  async *#chunksIn(
    { offset, length }: ByteRange,
    { signal: callerSignal, readAhead = READ_AHEAD_CHUNKS }: StreamOptions,
  ): AsyncGenerator<{ readonly chunk: ObjectChunk; readonly data: Uint8Array }, void, void> {
    const end = offset + length;
    const stopped = new AbortController();
    const signal =
      callerSignal === undefined ? stopped.signal : AbortSignal.any([callerSignal, stopped.signal]);
    const ahead: { readonly chunk: ObjectChunk; readonly data: Promise<Uint8Array> }[] = [];
    let next = this.#chunkAt(offset);
    const fill = (): void => {
      for (; ahead.length <= readAhead; next++) {
        const chunk = this.#chunks[next];
        if (chunk === undefined || chunk.start >= end) return;
        const data = this.#chunkData(chunk, { signal });
        // Awaited below in order; a failure of a later chunk must not count as unhandled meanwhile.
        data.catch(() => undefined);
        ahead.push({ chunk, data });
      }
    };
    try {
      for (fill(); ahead.length > 0; fill()) {
        const { chunk, data } = ahead.shift()!;
        yield { chunk, data: await data };
        callerSignal?.throwIfAborted();
      }
    } finally {
      stopped.abort();
    }
  }

  async #chunkData(chunk: ObjectChunk, options: AbortOptions): Promise<Uint8Array> {
    if (this.#lastRead?.chunk === chunk) return this.#lastRead.data;
    return readDirect(this.#environment, chunk.objectID, chunk.length, options);
  }

  #clip({ offset, length }: ByteRange): ByteRange {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0
    ) {
      throw new RangeError(`not a range of bytes: offset ${offset}, length ${length}`);
    }
    const start = Math.min(offset, this.length);
    return { offset: start, length: Math.min(length, this.length - start) };
  }

  /** Index of the chunk that holds `offset`. */
  #chunkAt(offset: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#chunks[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The bytes of a chunk that lie in the range: a view. */
function overlap(chunk: ObjectChunk, data: Uint8Array, { offset, length }: ByteRange): Uint8Array {
  const from = Math.max(0, offset - chunk.start);
  return data.subarray(from, Math.max(from, Math.min(data.length, offset + length - chunk.start)));
}
