import { CorruptDataError } from '../../errors.ts';

export interface SortedKeysLayout {
  readonly data: Uint8Array;
  /** Offset of the first entry; each begins with its key. */
  readonly offset: number;
  /** Bytes from one entry to the next. */
  readonly stride: number;
  readonly keySize: number;
  readonly count: number;
}

/** Below this many candidates a binary search needs no estimate. */
const SMALL_RANGE = 16;

/** Corrections of the estimated position: each takes the expected error to about its square root. */
const CORRECTIONS = 2;

const WORD_RANGE = 2 ** 32;

/**
 * The sorted keys of a binary index, searched where they lie. A key is one byte of prefix and a hash:
 * hashes spread evenly, so a position is estimated from the first four bytes of the hash and then
 * narrowed down by doubling steps. Uneven keys cost time, up to a few times log2(n) steps, nothing else.
 */
export class SortedKeys {
  readonly count: number;
  readonly keySize: number;
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #offset: number;
  readonly #stride: number;
  /** `starts[p]`: the first entry whose first byte is at least p. */
  readonly #starts: Uint32Array = new Uint32Array(257);

  /** The layout must lie within `data`. CORRUPT_DATA naming `what` if the keys do not strictly ascend. */
  constructor(layout: SortedKeysLayout, what: string) {
    this.count = layout.count;
    this.keySize = layout.keySize;
    this.#data = layout.data;
    this.#view = new DataView(layout.data.buffer, layout.data.byteOffset, layout.data.byteLength);
    this.#offset = layout.offset;
    this.#stride = layout.stride;
    this.#scan(what);
  }

  offsetOf(entry: number): number {
    return this.#offset + entry * this.#stride;
  }

  /** A view, not a copy. */
  keyAt(entry: number): Uint8Array {
    const start = this.offsetOf(entry);
    return this.#data.subarray(start, start + this.keySize);
  }

  /** The first entry whose key is not below `key`, which may be of any length; `count` if there is none. */
  lowerBound(key: Uint8Array): number {
    const prefix = key[0];
    if (prefix === undefined) return 0;
    let low = this.#starts[prefix]!;
    let high = this.#starts[prefix + 1]!;
    if (high - low > SMALL_RANGE) {
      const guess = this.#estimate(key, low, high);
      let step = 1;
      if (this.#compareAt(guess, key) < 0) {
        low = guess + 1;
        while (low + step < high && this.#compareAt(low + step, key) < 0) {
          low += step + 1;
          step *= 2;
        }
        high = Math.min(high, low + step);
      } else {
        high = guess;
        while (high - step >= low && this.#compareAt(high - step, key) >= 0) {
          high -= step;
          step *= 2;
        }
        low = Math.max(low, high - step);
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareAt(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The entry with exactly this key, or -1. */
  indexOf(key: Uint8Array): number {
    if (key.length !== this.keySize) return -1;
    const entry = this.lowerBound(key);
    return entry < this.count && this.#compareAt(entry, key) === 0 ? entry : -1;
  }

  #estimate(key: Uint8Array, low: number, high: number): number {
    const density = (high - low) / WORD_RANGE;
    const target =
      (key[1] ?? 0) * 0x1000000 + ((key[2] ?? 0) << 16) + ((key[3] ?? 0) << 8) + (key[4] ?? 0);
    let guess = low + Math.floor(target * density);
    for (let i = 0; i < CORRECTIONS; i++) {
      // The four bytes lie within the entry: values have at least 16 bytes.
      const word = this.#view.getUint32(this.offsetOf(guess) + 1);
      const corrected = guess + Math.trunc((target - word) * density);
      guess = Math.min(Math.max(corrected, low), high - 1);
    }
    return guess;
  }

  #compareAt(entry: number, key: Uint8Array): number {
    const data = this.#data;
    const start = this.offsetOf(entry);
    const length = Math.min(this.keySize, key.length);
    for (let i = 0; i < length; i++) {
      const difference = data[start + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return this.keySize - key.length;
  }

  /** One pass over all keys: their order, which every search and merge relies on, and where prefixes begin. */
  #scan(what: string): void {
    const data = this.#data;
    let nextPrefix = 0;
    for (let entry = 0; entry < this.count; entry++) {
      const start = this.offsetOf(entry);
      const prefix = data[start]!;
      if (entry > 0 && !this.#ascendsTo(start)) {
        throw new CorruptDataError(`${what}: key of entry ${entry} is not above the one before`, {
          field: 'key',
          offset: start,
        });
      }
      while (nextPrefix <= prefix) this.#starts[nextPrefix++] = entry;
    }
    this.#starts.fill(this.count, nextPrefix);
  }

  #ascendsTo(start: number): boolean {
    const data = this.#data;
    const before = start - this.#stride;
    for (let i = 0; i < this.keySize; i++) {
      const difference = data[start + i]! - data[before + i]!;
      if (difference !== 0) return difference > 0;
    }
    return false;
  }
}
