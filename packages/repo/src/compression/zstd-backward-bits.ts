import { StreamDamage } from './stream-damage.ts';

/**
 * Bits of a Zstandard stream that is read from its end: the highest set bit of the last byte is a marker,
 * the bits below it come first. `unread` counts down and must end at zero.
 */
export class BackwardBits {
  readonly #data: Uint8Array;
  unread: number;

  constructor(data: Uint8Array) {
    const last = data.at(-1);
    if (last === undefined || last === 0) throw new StreamDamage('bit stream has no end marker');
    this.#data = data;
    this.unread = 8 * data.length - 1 - (Math.clz32(last) - 24);
  }

  /** `count` from 0 to 24. Bits before the first byte are zeros; the caller watches `unread`. */
  take(count: number): number {
    this.unread -= count;
    return this.#bitsAt(this.unread, count);
  }

  /** `count` from 0 to 31. */
  takeLong(count: number): number {
    if (count <= 24) return this.take(count);
    const high = this.take(count - 16);
    return high * 0x10000 + this.take(16);
  }

  #bitsAt(position: number, count: number): number {
    if (position < 0) return this.#bitsBeforeStart(position, count);
    const data = this.#data;
    const at = position >> 3;
    const word =
      at + 4 <= data.length
        ? data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
        : lastBytes(data, at);
    return (word >>> (position & 7)) & ((1 << count) - 1);
  }

  #bitsBeforeStart(position: number, count: number): number {
    const present = position + count;
    return present <= 0 ? 0 : this.#bitsAt(0, present) << -position;
  }
}

function lastBytes(data: Uint8Array, start: number): number {
  let word = 0;
  for (let i = start; i < data.length; i++) word |= data[i]! << (8 * (i - start));
  return word;
}
