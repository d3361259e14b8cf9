import { S2_MAX_ELEMENT_OVERHEAD, writeCopy, writeLiteral, writeRepeat } from './s2-elements.ts';

/** A copy with a 4-byte offset takes 5 bytes and splits a literal: shorter far matches do not pay. */
export const MIN_FAR_MATCH_LENGTH = 8;
export const FAR_OFFSET = 0x10000;
/** Words are read this far behind the current position. */
export const INPUT_MARGIN = 12;

/**
 * Searches one block for matches and writes its elements. `encode` takes `source[start..end)` and returns
 * the offset behind what it wrote to `target` at `at`, or undefined if the elements would not end before
 * `limit`. Keeps its hash tables between blocks, so one matcher serves one call at a time.
 */
export interface S2Matcher {
  encode(
    source: Uint8Array,
    start: number,
    end: number,
    target: Uint8Array,
    at: number,
    limit: number,
  ): number | undefined;
}

/** How many bytes from `a` and from `b > a` on are equal, up to `end`. */
export function matchLength(view: DataView, a: number, b: number, end: number): number {
  let i = b;
  const distance = b - a;
  while (i + 4 <= end) {
    const difference = view.getInt32(i, true) ^ view.getInt32(i - distance, true);
    if (difference !== 0) return i - b + ((31 - Math.clz32(difference & -difference)) >> 3);
    i += 4;
  }
  while (i < end && view.getUint8(i) === view.getUint8(i - distance)) i++;
  return i - b;
}

/** The sink of a matcher: turns matches into elements, and knows when they stop being worth it. */
export class S2ElementWriter {
  /** Offset of the last copy, 0 before the first. */
  lastOffset = 0;
  /** Start of the bytes that no element covers yet. */
  nextEmit: number;
  at: number;
  readonly #source: Uint8Array;
  readonly #target: Uint8Array;
  readonly #limit: number;

  constructor(source: Uint8Array, start: number, target: Uint8Array, at: number, limit: number) {
    this.#source = source;
    this.#target = target;
    this.#limit = limit;
    this.nextEmit = start;
    this.at = at;
  }

  /** Covers the bytes up to `start` and the match there; false if that would pass the limit. */
  match(start: number, offset: number, length: number): boolean {
    if (!this.#literal(start)) return false;
    const write = offset === this.lastOffset ? writeRepeat : writeCopy;
    this.at = write(this.#target, this.at, offset, length);
    this.lastOffset = offset;
    this.nextEmit = start + length;
    return true;
  }

  /** Covers the bytes up to `end`; where the elements end, or undefined if that is past the limit. */
  finish(end: number): number | undefined {
    return this.#literal(end) ? this.at : undefined;
  }

  #literal(end: number): boolean {
    const length = end - this.nextEmit;
    if (this.at + length + S2_MAX_ELEMENT_OVERHEAD > this.#limit) return false;
    this.at = writeLiteral(this.#source, this.nextEmit, end, this.#target, this.at);
    this.nextEmit = end;
    return true;
  }
}

/** The number of hash bits that a block of this length deserves. */
export function hashBits(length: number, most: number): number {
  return Math.min(most, Math.max(8, 32 - Math.clz32(length)));
}
