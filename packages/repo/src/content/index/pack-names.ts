import { parseBlobID, type BlobID } from '../../blob/storage.ts';
import { unshared } from '../../bytes.ts';
import { CorruptDataError } from '../../errors.ts';

/** Names kept as strings at once. Neighbouring look-ups often hit few packs; all of them would cost megabytes. */
const KEPT_NAMES = 1024;

const asciiDecoder = new TextDecoder();

/** Pack names of an index, decoded when asked for. */
export class PackNames {
  readonly #data: Uint8Array;
  readonly #what: string;
  readonly #keptKeys: Float64Array = new Float64Array(KEPT_NAMES).fill(-1);
  readonly #kept: (BlobID | undefined)[] = [];

  constructor(data: Uint8Array, what: string) {
    this.#data = data;
    this.#what = what;
  }

  /** CORRUPT_DATA if the range reaches beyond the index or holds no blob ID. */
  at(offset: number, length: number): BlobID {
    const key = offset * 256 + length;
    const slot = Math.imul(offset, 0x9e3779b1) >>> 22;
    const kept = this.#kept[slot];
    if (kept !== undefined && this.#keptKeys[slot] === key) return kept;
    const name = this.#decode(offset, length);
    this.#keptKeys[slot] = key;
    this.#kept[slot] = name;
    return name;
  }

  #decode(offset: number, length: number): BlobID {
    if (offset + length > this.#data.length) throw this.#error(offset, 'beyond the end');
    const text = asciiDecoder.decode(unshared(this.#data.subarray(offset, offset + length)));
    try {
      return parseBlobID(text);
    } catch (cause) {
      throw this.#error(offset, 'not a blob ID', cause);
    }
  }

  #error(offset: number, problem: string, cause?: unknown): CorruptDataError {
    return new CorruptDataError(`${this.#what}: pack name at offset ${offset}: ${problem}`, {
      field: 'packName',
      offset,
      cause,
    });
  }
}
