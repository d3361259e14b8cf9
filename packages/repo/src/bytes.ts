import { CorruptDataError } from './errors.ts';

/** Bytes in one piece or gathered from several: a pack is never copied into one buffer to be sent. */
export type Bytes = Uint8Array | readonly Uint8Array[];

const utf8Encoder = new TextEncoder();
const strictUtf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** Decodes UTF-8; invalid input is CORRUPT_DATA naming `what`. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8Decoder.decode(unshared(bytes));
  } catch (cause) {
    throw new CorruptDataError(`${what}: not valid UTF-8`, { cause });
  }
}

/** A view that web APIs accept: the same bytes, copied only if they lie in shared memory. */
export function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : Uint8Array.from(bytes);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `Uint8Array.prototype.toHex` where the engine has it: twice as fast, and without the garbage. */
const nativeToHex: unknown = Reflect.get(Uint8Array.prototype, 'toHex');

/** Lower-case hex, as everywhere on storage. */
export function encodeHex(bytes: Uint8Array): string {
  if (typeof nativeToHex === 'function') return String(Reflect.apply(nativeToHex, bytes, []));
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Inverse of {@link encodeHex}; undefined if `text` is not an even number of lower- or upper-case hex digits. */
export function decodeHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (hexDigit(text.charCodeAt(2 * i)) << 4) | hexDigit(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** The value of one hex digit by its character code. */
function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** Standard base64 with padding, as Go writes byte slices in JSON. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}

/** Inverse of {@link encodeBase64}; invalid input is CORRUPT_DATA naming `what`. */
export function decodeBase64(text: string, what: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new CorruptDataError(`${what}: not valid base64`, { cause });
  }
}

/** Below this it is not worth the call. */
const FREED_LENGTH = 16_384;

/**
 * Gives the memory of `bytes` back, which nobody looks at any more: neither at them nor at what else lies in their
 * buffer. Left to the collector, buffers add up to many times what is in use and set it off again and again. Does
 * nothing to shared memory, nor to a part of the pool of Node's buffers, which is always less than half of it.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < FREED_LENGTH) return;
  if (2 * byteLength >= buffer.byteLength) buffer.transfer(0);
}

/** The bytes in a buffer that holds nothing else, copied if need be: a view that is posted takes all of its buffer along. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return isWhole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** The pieces of {@link Bytes} as a list, without copying. */
export function bytesParts(data: Bytes): readonly Uint8Array[] {
  return data instanceof Uint8Array ? [data] : data;
}

/** The length in bytes of {@link Bytes}. */
export function bytesLength(data: Bytes): number {
  return bytesParts(data).reduce((sum, part) => sum + part.length, 0);
}

/** Unsigned lexicographic order: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/**
 * A cursor over bytes that came from storage: each read is checked and fails as CORRUPT_DATA naming the
 * source, the field and the offset. Integers are big-endian unless the method says otherwise.
 */
export class ByteReader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #source: string;
  #offset: number;

  constructor(data: Uint8Array, source: string, offset = 0) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#source = source;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#data.length - this.#offset;
  }

  uint8(field: string): number {
    return this.#view.getUint8(this.#take(1, field));
  }

  uint16(field: string): number {
    return this.#view.getUint16(this.#take(2, field));
  }

  uint32(field: string): number {
    return this.#view.getUint32(this.#take(4, field));
  }

  uint16LittleEndian(field: string): number {
    return this.#view.getUint16(this.#take(2, field), true);
  }

  /** Unsigned LEB128 up to 2^53 - 1. */
  uvarint(field: string): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.uint8(field);
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw this.error(field, 'varint too large');
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  /** A view of the next `length` bytes, not a copy. */
  bytes(length: number, field: string): Uint8Array {
    const start = this.#take(length, field);
    return this.#data.subarray(start, start + length);
  }

  error(field: string, problem: string): CorruptDataError {
    return new CorruptDataError(`${this.#source}: ${field} at offset ${this.#offset}: ${problem}`, {
      field,
      offset: this.#offset,
    });
  }

  #take(length: number, field: string): number {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.remaining) {
      throw this.error(field, `needs ${length} bytes, ${this.remaining} left`);
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** Appends big-endian fields to a buffer that grows as needed. */
export class ByteWriter {
  #data: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(initialCapacity = 256) {
    this.#data = new Uint8Array(initialCapacity);
    this.#view = new DataView(this.#data.buffer);
  }

  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    this.#view.setUint8(this.#grow(1), value);
    return this;
  }

  uint16(value: number): this {
    this.#view.setUint16(this.#grow(2), value);
    return this;
  }

  uint32(value: number): this {
    this.#view.setUint32(this.#grow(4), value);
    return this;
  }

  uvarint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.uint8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.uint8(rest);
  }

  bytes(value: Uint8Array): this {
    this.#data.set(value, this.#grow(value.length));
    return this;
  }

  /** The bytes so far, as a view that later writes may invalidate. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#length);
  }

  #grow(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#data.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#data.length));
      larger.set(this.#data);
      this.#data = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return start;
  }
}
