import type { BoundedOutput } from './bounded-output.ts';
import { copyMatch } from './copy-match.ts';
import { StreamDamage } from './stream-damage.ts';
import { BackwardBits } from './zstd-backward-bits.ts';
import { createFseTable, createRunTable, readFseTable, type FseTable } from './zstd-fse.ts';

/** One of the three codes that describe a sequence (RFC 8878, section 3.1.1.3.2). */
export interface SequenceCode {
  readonly name: string;
  readonly maxSymbol: number;
  readonly maxAccuracyLog: number;
  readonly predefined: FseTable;
}

const LITERAL_LENGTH_BITS = Uint8Array.of(
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const MATCH_LENGTH_BITS = Uint8Array.of(
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const LITERAL_LENGTH_BASES = basesOf(LITERAL_LENGTH_BITS, 0);
const MATCH_LENGTH_BASES = basesOf(MATCH_LENGTH_BITS, 3);

const LITERAL_LENGTH_CODE: SequenceCode = {
  name: 'literal length',
  maxSymbol: 35,
  maxAccuracyLog: 9,
  predefined: createFseTable(
    [
      4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1,
      1, -1, -1, -1, -1,
    ],
    6,
  ),
};
const OFFSET_CODE: SequenceCode = {
  name: 'offset',
  maxSymbol: 31,
  maxAccuracyLog: 8,
  predefined: createFseTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
};
const MATCH_LENGTH_CODE: SequenceCode = {
  name: 'match length',
  maxSymbol: 52,
  maxAccuracyLog: 9,
  predefined: createFseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  ),
};

/** What sequences of one frame carry from block to block. */
export interface SequenceState {
  literalLengths: FseTable | undefined;
  offsets: FseTable | undefined;
  matchLengths: FseTable | undefined;
  /** The three last distances, the newest first. */
  readonly repeats: [number, number, number];
}

export function createSequenceState(): SequenceState {
  return {
    literalLengths: undefined,
    offsets: undefined,
    matchLengths: undefined,
    repeats: [1, 4, 8],
  };
}

/**
 * Decodes a sequences section and executes it: literals and matches go to `output`, at most `maxLength`
 * bytes. Matches reach back to `frameStart` at most.
 */
export function executeSequences(
  section: Uint8Array,
  literals: Uint8Array,
  state: SequenceState,
  output: BoundedOutput,
  frameStart: number,
  maxLength: number,
): void {
  const { count, length } = readSequenceCount(section);
  const blockStart = output.length;
  let literal = 0;
  if (count > 0) {
    const rest = readTables(section, length, state);
    literal = runSequences(
      new SequenceReader(section.subarray(rest), state),
      count,
      literals,
      output,
      frameStart,
      blockStart + maxLength,
    );
  } else if (length !== section.length) {
    throw new StreamDamage('bytes after an empty sequences section');
  }
  if (output.length - blockStart + literals.length - literal > maxLength) {
    throw new StreamDamage('block too long');
  }
  output.append(literals.subarray(literal));
}

/** The number of literals that the sequences used. */
function runSequences(
  sequences: SequenceReader,
  count: number,
  literals: Uint8Array,
  output: BoundedOutput,
  frameStart: number,
  end: number,
): number {
  let literal = 0;
  let { bytes, length } = output;
  for (let i = 0; i < count; i++) {
    sequences.read(i + 1 === count);
    const { literalLength, matchLength, distance } = sequences;
    const total = literalLength + matchLength;
    if (literalLength > literals.length - literal) throw new StreamDamage('too few literals');
    if (total > end - length) throw new StreamDamage('block too long');
    if (total > bytes.length - length) {
      output.length = length;
      output.reserve(total);
      bytes = output.bytes;
    }
    copyLiterals(bytes, length, literals, literal, literalLength);
    literal += literalLength;
    length += literalLength;
    if (distance > length - frameStart) throw new StreamDamage('distance too far back');
    copyMatch(bytes, length, distance, matchLength);
    length += matchLength;
  }
  sequences.expectEnd();
  output.length = length;
  return literal;
}

function copyLiterals(
  target: Uint8Array,
  at: number,
  literals: Uint8Array,
  from: number,
  length: number,
): void {
  if (length > 32) {
    target.set(literals.subarray(from, from + length), at);
  } else {
    for (let i = 0; i < length; i++) target[at + i] = literals[from + i]!;
  }
}

function readSequenceCount(section: Uint8Array): { count: number; length: number } {
  const first = section[0];
  const length = first === undefined || first < 128 ? 1 : first < 255 ? 2 : 3;
  if (first === undefined || length > section.length) throw new StreamDamage('block ends early');
  if (length === 1) return { count: first, length };
  if (length === 2) return { count: ((first - 128) << 8) | section[1]!, length };
  return { count: (section[1]! | (section[2]! << 8)) + 0x7f00, length };
}

/** Replaces the tables of `state` as the section says; the offset of the bit stream. */
function readTables(section: Uint8Array, start: number, state: SequenceState): number {
  const modes = section[start];
  if (modes === undefined) throw new StreamDamage('block ends early');
  if ((modes & 3) !== 0) throw new StreamDamage('unknown sequence modes');
  let at = start + 1;
  const next = (mode: number, code: SequenceCode, previous: FseTable | undefined): FseTable => {
    switch (mode & 3) {
      case 0:
        return code.predefined;
      case 1: {
        const symbol = section[at++];
        if (symbol === undefined || symbol > code.maxSymbol) {
          throw new StreamDamage(`unknown ${code.name} code`);
        }
        return createRunTable(symbol);
      }
      case 2: {
        const { table, length } = readFseTable(
          section.subarray(at),
          code.maxSymbol,
          code.maxAccuracyLog,
        );
        at += length;
        return table;
      }
      default:
        if (previous === undefined) throw new StreamDamage(`no ${code.name} table to repeat`);
        return previous;
    }
  };
  state.literalLengths = next(modes >> 6, LITERAL_LENGTH_CODE, state.literalLengths);
  state.offsets = next(modes >> 4, OFFSET_CODE, state.offsets);
  state.matchLengths = next(modes >> 2, MATCH_LENGTH_CODE, state.matchLengths);
  return at;
}

/** A cursor over the sequences of a block: `read` fills the three fields. */
class SequenceReader {
  literalLength = 0;
  matchLength = 0;
  distance = 0;
  readonly #bits: BackwardBits;
  readonly #repeats: [number, number, number];
  readonly #literalLengths: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #matchLengths: Uint32Array;
  #literalLengthState: number;
  #offsetState: number;
  #matchLengthState: number;

  constructor(data: Uint8Array, state: SequenceState) {
    const bits = new BackwardBits(data);
    const literalLengths = state.literalLengths ?? LITERAL_LENGTH_CODE.predefined;
    const offsets = state.offsets ?? OFFSET_CODE.predefined;
    const matchLengths = state.matchLengths ?? MATCH_LENGTH_CODE.predefined;
    this.#bits = bits;
    this.#repeats = state.repeats;
    this.#literalLengths = literalLengths.states;
    this.#offsets = offsets.states;
    this.#matchLengths = matchLengths.states;
    this.#literalLengthState = literalLengths.states[bits.take(literalLengths.accuracyLog)]!;
    this.#offsetState = offsets.states[bits.take(offsets.accuracyLog)]!;
    this.#matchLengthState = matchLengths.states[bits.take(matchLengths.accuracyLog)]!;
  }

  read(isLast: boolean): void {
    const bits = this.#bits;
    const offsetSymbol = this.#offsetState >>> 24;
    const matchSymbol = this.#matchLengthState >>> 24;
    const literalSymbol = this.#literalLengthState >>> 24;
    const offsetValue = ((1 << offsetSymbol) >>> 0) + bits.takeLong(offsetSymbol);
    this.matchLength =
      MATCH_LENGTH_BASES[matchSymbol]! + bits.take(MATCH_LENGTH_BITS[matchSymbol]!);
    this.literalLength =
      LITERAL_LENGTH_BASES[literalSymbol]! + bits.take(LITERAL_LENGTH_BITS[literalSymbol]!);
    this.distance = this.#distanceOf(offsetValue);
    if (!isLast) {
      this.#literalLengthState = nextState(this.#literalLengths, this.#literalLengthState, bits);
      this.#matchLengthState = nextState(this.#matchLengths, this.#matchLengthState, bits);
      this.#offsetState = nextState(this.#offsets, this.#offsetState, bits);
    }
    if (bits.unread < 0) throw new StreamDamage('sequences end early');
  }

  expectEnd(): void {
    if (this.#bits.unread !== 0) throw new StreamDamage('bits after the last sequence');
  }

  /** Values 1 to 3 name an earlier distance; without literals they mean one older, or the newest minus one. */
  #distanceOf(value: number): number {
    const repeats = this.#repeats;
    if (value > 3) {
      repeats[2] = repeats[1];
      repeats[1] = repeats[0];
      repeats[0] = value - 3;
      return repeats[0];
    }
    const index = this.literalLength === 0 ? value : value - 1;
    if (index === 0) return repeats[0];
    const distance = index === 1 ? repeats[1] : index === 2 ? repeats[2] : repeats[0] - 1;
    if (distance === 0) throw new StreamDamage('distance is zero');
    if (index > 1) repeats[2] = repeats[1];
    repeats[1] = repeats[0];
    repeats[0] = distance;
    return distance;
  }
}

function nextState(states: Uint32Array, state: number, bits: BackwardBits): number {
  return states[(state & 0xffff) + bits.take((state >>> 16) & 0xff)]!;
}

function basesOf(extraBits: Uint8Array, first: number): Uint32Array {
  let next = first;
  return Uint32Array.from(extraBits, (bits) => {
    const base = next;
    next += 2 ** bits;
    return base;
  });
}
