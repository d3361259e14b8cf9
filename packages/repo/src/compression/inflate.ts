import type { BoundedOutput } from './bounded-output.ts';
import { copyMatch } from './copy-match.ts';
import { createPrefixTable, type PrefixTable } from './inflate-prefix-table.ts';
import { StreamDamage } from './stream-damage.ts';

const MAX_LITERAL_CODES = 286;
const MAX_DISTANCE_CODES = 30;
const END_OF_BLOCK = 256;
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTH_EXTRA_BITS = Uint8Array.of(
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
  2,
  2,
  3,
  3,
  3,
  3,
  4,
  4,
  4,
  4,
  5,
  5,
  5,
  5,
  0,
);
const DISTANCE_EXTRA_BITS = Uint8Array.of(
  0,
  0,
  0,
  0,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  5,
  6,
  6,
  7,
  7,
  8,
  8,
  9,
  9,
  10,
  10,
  11,
  11,
  12,
  12,
  13,
  13,
);
// The longest length has a code of its own, outside the progression.
const LENGTH_BASES = Uint16Array.of(...basesOf(LENGTH_EXTRA_BITS.subarray(0, 28), 3), 258);
const DISTANCE_BASES = basesOf(DISTANCE_EXTRA_BITS, 1);

const FIXED_LITERALS: PrefixTable = createPrefixTable(
  Uint8Array.from({ length: 288 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  ),
  'literal',
);
const FIXED_DISTANCES: PrefixTable = createPrefixTable(new Uint8Array(32).fill(5), 'distance');

/**
 * Decodes one raw DEFLATE stream (RFC 1951) that begins at `start` and returns the offset behind its last
 * byte. Our own because `fflate` neither tells where a stream ends nor stops at a bound.
 */
export function inflate(input: Uint8Array, start: number, output: BoundedOutput): number {
  const bits = new BitReader(input, start);
  const windowStart = output.length;
  let isLast = false;
  while (!isLast) {
    isLast = bits.take(1) === 1;
    switch (bits.take(2)) {
      case 0:
        copyStored(bits, output);
        break;
      case 1:
        inflateBlock(bits, output, windowStart, FIXED_LITERALS, FIXED_DISTANCES);
        break;
      case 2: {
        const { literals, distances } = readDynamicTables(bits);
        inflateBlock(bits, output, windowStart, literals, distances);
        break;
      }
      default:
        throw new StreamDamage('unknown block type');
    }
  }
  return bits.alignToByte();
}

function copyStored(bits: BitReader, output: BoundedOutput): void {
  const { input } = bits;
  const at = bits.alignToByte();
  if (at + 4 > input.length) throw new StreamDamage('stream ends early');
  const length = input[at]! | (input[at + 1]! << 8);
  const complement = input[at + 2]! | (input[at + 3]! << 8);
  if ((length ^ complement) !== 0xffff) throw new StreamDamage('stored length is damaged');
  if (at + 4 + length > input.length) throw new StreamDamage('stream ends early');
  output.append(input.subarray(at + 4, at + 4 + length));
  bits.position = at + 4 + length;
}

function inflateBlock(
  bits: BitReader,
  output: BoundedOutput,
  windowStart: number,
  literals: PrefixTable,
  distances: PrefixTable,
): void {
  let { bytes, length } = output;
  for (;;) {
    const symbol = bits.symbol(literals);
    if (symbol < END_OF_BLOCK) {
      if (length === bytes.length) {
        output.length = length;
        output.reserve(1);
        bytes = output.bytes;
      }
      bytes[length++] = symbol;
      continue;
    }
    if (symbol === END_OF_BLOCK) break;
    const lengthCode = symbol - 257;
    if (lengthCode >= LENGTH_BASES.length) throw new StreamDamage('unknown length code');
    const matchLength = LENGTH_BASES[lengthCode]! + bits.take(LENGTH_EXTRA_BITS[lengthCode]!);
    const distanceCode = bits.symbol(distances);
    if (distanceCode >= DISTANCE_BASES.length) throw new StreamDamage('unknown distance code');
    const distance = DISTANCE_BASES[distanceCode]! + bits.take(DISTANCE_EXTRA_BITS[distanceCode]!);
    if (distance > length - windowStart) throw new StreamDamage('distance too far back');
    if (length + matchLength > bytes.length) {
      output.length = length;
      output.reserve(matchLength);
      bytes = output.bytes;
    }
    copyMatch(bytes, length, distance, matchLength);
    length += matchLength;
  }
  output.length = length;
}

function readDynamicTables(bits: BitReader): { literals: PrefixTable; distances: PrefixTable } {
  const literalCount = bits.take(5) + 257;
  const distanceCount = bits.take(5) + 1;
  if (literalCount > MAX_LITERAL_CODES || distanceCount > MAX_DISTANCE_CODES) {
    throw new StreamDamage('too many codes');
  }
  const orderCount = bits.take(4) + 4;
  const orderLengths = new Uint8Array(CODE_LENGTH_ORDER.length);
  for (const symbol of CODE_LENGTH_ORDER.slice(0, orderCount)) orderLengths[symbol] = bits.take(3);
  const lengths = readCodeLengths(
    bits,
    createPrefixTable(orderLengths, 'code length'),
    literalCount + distanceCount,
  );
  if (lengths[END_OF_BLOCK] === 0) throw new StreamDamage('block has no end');
  return {
    literals: createPrefixTable(lengths.subarray(0, literalCount), 'literal'),
    distances: createPrefixTable(lengths.subarray(literalCount), 'distance'),
  };
}

function readCodeLengths(bits: BitReader, table: PrefixTable, count: number): Uint8Array {
  const lengths = new Uint8Array(count);
  let i = 0;
  while (i < count) {
    const symbol = bits.symbol(table);
    if (symbol < 16) {
      lengths[i++] = symbol;
      continue;
    }
    if (symbol === 16 && i === 0) throw new StreamDamage('no code length to repeat');
    const value = symbol === 16 ? lengths[i - 1]! : 0;
    const run =
      symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
    if (i + run > count) throw new StreamDamage('too many code lengths');
    lengths.fill(value, i, i + run);
    i += run;
  }
  return lengths;
}

/** Bits of a DEFLATE stream, least significant first. Reads zeros behind the end, then fails. */
class BitReader {
  readonly input: Uint8Array;
  /** Offset of the next byte that is not in the buffer. */
  position: number;
  #buffer = 0;
  #count = 0;

  constructor(input: Uint8Array, start: number) {
    this.input = input;
    this.position = start;
  }

  /** `count` at most 16. */
  take(count: number): number {
    this.#fill();
    const value = this.#buffer & ((1 << count) - 1);
    this.#buffer >>>= count;
    this.#count -= count;
    return value;
  }

  symbol(table: PrefixTable): number {
    this.#fill();
    const entry = table.entries[this.#buffer & table.mask]!;
    if (entry === 0) throw new StreamDamage('unused code');
    this.#buffer >>>= entry & 15;
    this.#count -= entry & 15;
    return entry >>> 4;
  }

  /** Drops the rest of a byte and gives whole ones back; the offset of the next byte. */
  alignToByte(): number {
    const position = this.position - (this.#count >>> 3);
    if (position > this.input.length) throw new StreamDamage('stream ends early');
    this.position = position;
    this.#buffer = 0;
    this.#count = 0;
    return position;
  }

  #fill(): void {
    while (this.#count <= 16) {
      if (this.position < this.input.length) {
        this.#buffer |= this.input[this.position]! << this.#count;
      } else if (this.position > this.input.length + 4) {
        throw new StreamDamage('stream ends early');
      }
      this.position++;
      this.#count += 8;
    }
  }
}

function basesOf(extraBits: Uint8Array, first: number): Uint16Array {
  let next = first;
  return Uint16Array.from(extraBits, (bits) => {
    const base = next;
    next += 2 ** bits;
    return base;
  });
}
