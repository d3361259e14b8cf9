import type { BlobID } from '../../blob/storage.ts';
import { checkRecord, invalidEntry } from './entry-limits.ts';
import { formatKey, type EntryFormat } from './entry-survey.ts';
import type { IndexRecord } from './index-record.ts';
import { V2_MAX_FORMATS, V2_MAX_PACKS } from './index-v2.ts';

const ROWS_PER_CHUNK = 4096;
/** time | deleted << 31 + pack offset | original length | packed length | pack number << 8 + format number */
const WORDS_PER_ROW = 5;
const UINT31_LIMIT = 2 ** 31;

interface Chunk {
  readonly keys: Uint8Array;
  readonly words: Uint32Array;
}

/**
 * Index entries in rows of key size + 20 bytes, grown a few hundred kilobytes at a time. Pack names and
 * formats are kept once and numbered in order of first appearance. All keys have the same size.
 */
export class EntryTable {
  readonly keySize: number;
  readonly #chunks: Chunk[] = [];
  readonly #packNumbers: Map<BlobID, number> = new Map();
  readonly #packs: BlobID[] = [];
  readonly #formatNumbers: Map<number, number> = new Map();
  readonly #formats: EntryFormat[] = [];
  #length = 0;

  constructor(keySize: number) {
    this.keySize = keySize;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of rows; the names of packs come on top. */
  get byteSize(): number {
    return this.#chunks.length * ROWS_PER_CHUNK * (this.keySize + WORDS_PER_ROW * 4);
  }

  /** The number of the new row. INVALID_ARGUMENT if a field is beyond what any index can say. */
  append(record: IndexRecord): number {
    if (record.key.length !== this.keySize) {
      throw invalidEntry('key size', record.key.length);
    }
    const row = this.#length;
    if (row === this.#chunks.length * ROWS_PER_CHUNK) {
      this.#chunks.push({
        keys: new Uint8Array(ROWS_PER_CHUNK * this.keySize),
        words: new Uint32Array(ROWS_PER_CHUNK * WORDS_PER_ROW),
      });
    }
    this.set(row, record);
    this.#chunkOf(row).keys.set(record.key, (row % ROWS_PER_CHUNK) * this.keySize);
    this.#length = row + 1;
    return row;
  }

  /** Replaces everything but the key. */
  set(row: number, record: IndexRecord): void {
    checkRecord(record);
    const { words } = this.#chunkOf(row);
    const pack = this.#internPack(record.packBlobID);
    const format = this.#internFormat(record);
    const at = (row % ROWS_PER_CHUNK) * WORDS_PER_ROW;
    words[at] = record.timestampSeconds;
    words[at + 1] = record.packOffset + (record.deleted ? UINT31_LIMIT : 0);
    words[at + 2] = record.originalLength;
    words[at + 3] = record.packedLength;
    words[at + 4] = pack * 256 + format;
  }

  /** Fills a record; its key is a view. */
  read(row: number, target: IndexRecord): void {
    const { words } = this.#chunkOf(row);
    const at = (row % ROWS_PER_CHUNK) * WORDS_PER_ROW;
    const flagsAndOffset = words[at + 1]!;
    const packAndFormat = words[at + 4]!;
    const format = this.#formats[packAndFormat & 0xff]!;
    target.key = this.keyAt(row);
    target.timestampSeconds = words[at]!;
    target.deleted = flagsAndOffset >= UINT31_LIMIT;
    target.packOffset = flagsAndOffset & 0x7fffffff;
    target.originalLength = words[at + 2]!;
    target.packedLength = words[at + 3]!;
    target.packBlobID = this.#packs[packAndFormat >>> 8]!;
    target.compressionHeaderID = format.compressionHeaderID;
    target.formatVersion = format.formatVersion;
    target.encryptionKeyID = format.encryptionKeyID;
  }

  /** A view, not a copy. */
  keyAt(row: number): Uint8Array {
    const start = (row % ROWS_PER_CHUNK) * this.keySize;
    return this.#chunkOf(row).keys.subarray(start, start + this.keySize);
  }

  /** First byte of the key of a row: the character of its prefix, or 0. */
  prefixAt(row: number): number {
    return this.#chunkOf(row).keys[(row % ROWS_PER_CHUNK) * this.keySize]!;
  }

  /** Order of the keys of two rows: negative, zero or positive. */
  compareKeys(a: number, b: number): number {
    const keysA = this.#chunkOf(a).keys;
    const keysB = this.#chunkOf(b).keys;
    const startA = (a % ROWS_PER_CHUNK) * this.keySize;
    const startB = (b % ROWS_PER_CHUNK) * this.keySize;
    for (let i = 0; i < this.keySize; i++) {
      const difference = keysA[startA + i]! - keysB[startB + i]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  isKeyAt(row: number, key: Uint8Array): boolean {
    const { keys } = this.#chunkOf(row);
    const start = (row % ROWS_PER_CHUNK) * this.keySize;
    for (let i = 0; i < this.keySize; i++) {
      if (keys[start + i] !== key[i]) return false;
    }
    return key.length === this.keySize;
  }

  #chunkOf(row: number): Chunk {
    return this.#chunks[Math.floor(row / ROWS_PER_CHUNK)]!;
  }

  #internPack(name: BlobID): number {
    // Contents come pack by pack.
    const last = this.#packs.length - 1;
    if (this.#packs[last] === name) return last;
    const known = this.#packNumbers.get(name);
    if (known !== undefined) return known;
    const packNumber = this.#packs.length;
    if (packNumber >= V2_MAX_PACKS) throw invalidEntry('number of packs', packNumber + 1);
    this.#packNumbers.set(name, packNumber);
    this.#packs.push(name);
    return packNumber;
  }

  #internFormat(record: EntryFormat): number {
    const key = formatKey(record);
    const known = this.#formatNumbers.get(key);
    if (known !== undefined) return known;
    const formatNumber = this.#formats.length;
    if (formatNumber >= V2_MAX_FORMATS) throw invalidEntry('number of formats', formatNumber + 1);
    const { compressionHeaderID, formatVersion, encryptionKeyID } = record;
    this.#formatNumbers.set(key, formatNumber);
    this.#formats.push({ compressionHeaderID, formatVersion, encryptionKeyID });
    return formatNumber;
  }
}
