import {
  FAR_OFFSET,
  hashBits,
  INPUT_MARGIN,
  MIN_FAR_MATCH_LENGTH,
  matchLength,
  S2ElementWriter,
  type S2Matcher,
} from './s2-matcher.ts';

const SHORT_HASH_BITS = 16;
const LONG_HASH_BITS = 17;
const MIN_MATCH_LENGTH = 4;
/** A match of this length is taken without asking the four-byte table as well. */
const LONG_MATCH_LENGTH = 8;
/** A match of this length is taken without a look at the next position. */
const GOOD_MATCH_LENGTH = 32;
/** Steps grow by one for so many bytes without a match: incompressible data is skimmed. */
const SKIP_SHIFT = 7;
/** Every position of a short match is entered into the tables, every third one of a longer. */
const DENSE_INDEX_LENGTH = 16;
const SPARSE_INDEX_STEP = 3;

/** Two hash tables, over eight and over four bytes, and a look at the next position: `s2-better`. */
export function createBetterMatcher(): S2Matcher {
  const shortTable = new Int32Array(1 << SHORT_HASH_BITS);
  const longTable = new Int32Array(1 << LONG_HASH_BITS);
  return {
    encode(source, start, end, target, at, limit) {
      const search = new BetterSearch(source, start, end, shortTable, longTable);
      const writer = new S2ElementWriter(source, start, target, at, limit);
      const searchEnd = end - INPUT_MARGIN;
      let s = start;
      while (s < searchEnd) {
        if (!search.find(s, writer.lastOffset)) {
          s += 1 + ((s - writer.nextEmit) >> SKIP_SHIFT);
          continue;
        }
        search.extendBack(writer.nextEmit);
        const { matchStart, offset, length } = search;
        const isFar = offset >= FAR_OFFSET && offset !== writer.lastOffset;
        if (isFar && length < MIN_FAR_MATCH_LENGTH) {
          s++;
          continue;
        }
        if (!writer.match(matchStart, offset, length)) return undefined;
        const matchEnd = matchStart + length;
        search.enter(s + 1, Math.min(matchEnd, searchEnd), length);
        s = matchEnd;
      }
      return writer.finish(end);
    },
  };
}

/** The search of one block; `find` leaves the match in the three fields. */
class BetterSearch {
  matchStart = 0;
  offset = 0;
  length = 0;
  readonly #source: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  readonly #shortTable: Int32Array;
  readonly #longTable: Int32Array;
  readonly #shortShift: number;
  readonly #longShift: number;

  constructor(
    source: Uint8Array,
    start: number,
    end: number,
    shortTable: Int32Array,
    longTable: Int32Array,
  ) {
    this.#source = source;
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    this.#start = start;
    this.#end = end;
    this.#shortTable = shortTable;
    this.#longTable = longTable;
    this.#shortShift = 32 - hashBits(end - start, SHORT_HASH_BITS);
    this.#longShift = 32 - hashBits(end - start, LONG_HASH_BITS);
    shortTable.fill(-1, 0, 1 << (32 - this.#shortShift));
    longTable.fill(-1, 0, 1 << (32 - this.#longShift));
  }

  /** Enters `s` into the tables and looks for a match there or one byte later. */
  find(s: number, lastOffset: number): boolean {
    const view = this.#view;
    const low = view.getInt32(s, true);
    const longSlot = longHash(low, view.getInt32(s + 4, true), this.#longShift);
    const shortSlot = shortHash(low, this.#shortShift);
    const longCandidate = this.#longTable[longSlot]!;
    const shortCandidate = this.#shortTable[shortSlot]!;
    this.#longTable[longSlot] = s;
    this.#shortTable[shortSlot] = s;

    this.length = 0;
    if (lastOffset > 0) this.#consider(s + 1, s + 1 - lastOffset, view.getInt32(s + 1, true));
    this.#consider(s, longCandidate, low);
    if (this.length < LONG_MATCH_LENGTH && shortCandidate !== longCandidate) {
      this.#consider(s, shortCandidate, low);
    }
    if (this.length === 0) return false;
    if (this.length < GOOD_MATCH_LENGTH && this.matchStart === s) {
      const next = view.getInt32(s + 1, true);
      const slot = longHash(next, view.getInt32(s + 5, true), this.#longShift);
      this.#consider(s + 1, this.#longTable[slot]!, next);
    }
    return true;
  }

  /** Moves the start of the match back over equal bytes, `limit` at most. */
  extendBack(limit: number): void {
    const source = this.#source;
    const lowest = Math.max(limit, this.#start + this.offset);
    let start = this.matchStart;
    while (start > lowest && source[start - 1] === source[start - 1 - this.offset]) start--;
    this.length += this.matchStart - start;
    this.matchStart = start;
  }

  /** Enters the positions of a match of `length` bytes into the tables. */
  enter(from: number, to: number, length: number): void {
    const view = this.#view;
    const step = length < DENSE_INDEX_LENGTH ? 1 : SPARSE_INDEX_STEP;
    for (let i = from; i < to; i += step) {
      const word = view.getInt32(i, true);
      this.#longTable[longHash(word, view.getInt32(i + 4, true), this.#longShift)] = i;
      this.#shortTable[shortHash(word, this.#shortShift)] = i;
    }
  }

  /** Takes the match of `s`, whose first bytes are `word`, with `candidate` if it gains more than a byte. */
  #consider(s: number, candidate: number, word: number): void {
    const view = this.#view;
    if (candidate < 0 || view.getInt32(candidate, true) !== word) return;
    const rest = matchLength(view, candidate + MIN_MATCH_LENGTH, s + MIN_MATCH_LENGTH, this.#end);
    const length = MIN_MATCH_LENGTH + rest;
    if (length <= this.length + 1) return;
    this.matchStart = s;
    this.offset = s - candidate;
    this.length = length;
  }
}

function shortHash(word: number, shift: number): number {
  return Math.imul(word, 0x9e3779b1) >>> shift;
}

function longHash(low: number, high: number, shift: number): number {
  return (Math.imul(low, 0x9e3779b1) + Math.imul(high, 0x85ebca77)) >>> shift;
}
