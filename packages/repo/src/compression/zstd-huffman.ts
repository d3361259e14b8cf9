import { StreamDamage } from './stream-damage.ts';
import { BackwardBits } from './zstd-backward-bits.ts';
import { readFseTable } from './zstd-fse.ts';

const MAX_CODE_BITS = 11;
const MAX_WEIGHTS = 255;
const MAX_WEIGHT_ACCURACY_LOG = 6;

/** Lookup over the next `bits` bits: `symbol << 4 | code length`. Full: every index has an entry. */
export interface HuffmanTable {
  readonly bits: number;
  readonly entries: Uint16Array;
}

export interface HuffmanDescription {
  readonly table: HuffmanTable;
  /** Bytes that the description takes. */
  readonly length: number;
}

/** Reads a Huffman tree description from the start of `data` (RFC 8878, section 4.2.1). */
export function readHuffmanTable(data: Uint8Array): HuffmanDescription {
  const header = data[0];
  if (header === undefined) throw new StreamDamage('block ends early');
  if (header >= 128) {
    const count = header - 127;
    const length = 1 + ((count + 1) >> 1);
    if (length > data.length) throw new StreamDamage('block ends early');
    const weights = Array.from({ length: count }, (_, i) => {
      const pair = data[1 + (i >> 1)]!;
      return i % 2 === 0 ? pair >> 4 : pair & 15;
    });
    return { table: createHuffmanTable(weights), length };
  }
  if (1 + header > data.length) throw new StreamDamage('block ends early');
  const weights = readCompressedWeights(data.subarray(1, 1 + header));
  return { table: createHuffmanTable(weights), length: 1 + header };
}

/** Two interleaved states; the stream ends when an update would need more bits than are left. */
function readCompressedWeights(data: Uint8Array): number[] {
  const { table, length } = readFseTable(data, MAX_CODE_BITS, MAX_WEIGHT_ACCURACY_LOG);
  const bits = new BackwardBits(data.subarray(length));
  const states = [bits.take(table.accuracyLog), bits.take(table.accuracyLog)];
  if (bits.unread < 0) throw new StreamDamage('Huffman weights end early');
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    const state = table.states[states[turn]!]!;
    weights.push(state >>> 24);
    if (weights.length > MAX_WEIGHTS - 1) throw new StreamDamage('too many Huffman weights');
    const next = (state & 0xffff) + bits.take((state >>> 16) & 0xff);
    if (bits.unread < 0) {
      weights.push(table.states[states[turn ^ 1]!]! >>> 24);
      return weights;
    }
    states[turn] = next;
  }
}

/** The weight of the last symbol is not stored: it fills the code space up to a power of two. */
function createHuffmanTable(stored: readonly number[]): HuffmanTable {
  let used = 0;
  for (const weight of stored) {
    if (weight > MAX_CODE_BITS) throw new StreamDamage('Huffman code too long');
    used += weight === 0 ? 0 : 1 << (weight - 1);
  }
  const bits = 32 - Math.clz32(used);
  const rest = (1 << bits) - used;
  if (used === 0 || bits > MAX_CODE_BITS || (rest & (rest - 1)) !== 0) {
    throw new StreamDamage('Huffman weights do not fill the code space');
  }
  const weights = [...stored, 32 - Math.clz32(rest)];
  const entries = new Uint16Array(1 << bits);
  let at = 0;
  for (let weight = 1; weight <= bits; weight++) {
    const span = 1 << (weight - 1);
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      entries.fill((symbol << 4) | (bits + 1 - weight), at, at + span);
      at += span;
    }
  }
  return { bits, entries };
}

/** Decodes one stream that must yield exactly the bytes of `target` and end with its last bit. */
export function decodeHuffmanStream(
  data: Uint8Array,
  table: HuffmanTable,
  target: Uint8Array,
): void {
  const { bits, entries } = table;
  const mask = (1 << bits) - 1;
  let { unread } = new BackwardBits(data);
  let i = 0;
  // Two codes of at most 11 bits from one load of four bytes, of which at least 25 bits are unread.
  for (; i + 2 <= target.length && unread >= 32; i += 2) {
    const top = (unread - 1) >> 3;
    const word =
      data[top - 3]! | (data[top - 2]! << 8) | (data[top - 1]! << 16) | (data[top]! << 24);
    const valid = 25 + ((unread - 1) & 7);
    const first = entries[(word >>> (valid - bits)) & mask]!;
    const rest = valid - (first & 15);
    const second = entries[(word >>> (rest - bits)) & mask]!;
    target[i] = first >>> 4;
    target[i + 1] = second >>> 4;
    unread -= (first & 15) + (second & 15);
  }
  if (unread >= 32) throw new StreamDamage('Huffman stream is damaged');
  const word = lastBytes(data);
  for (; i < target.length && unread > 0; i++) {
    // Where fewer bits than the longest code are left, zeros stand in for the missing ones.
    const available = word & (2 ** unread - 1);
    const index = unread >= bits ? available >>> (unread - bits) : available << (bits - unread);
    const entry = entries[index & mask]!;
    target[i] = entry >>> 4;
    unread -= entry & 15;
  }
  if (i !== target.length || unread !== 0) throw new StreamDamage('Huffman stream is damaged');
}

/** The first four bytes, which are read last, as a little-endian number. */
function lastBytes(data: Uint8Array): number {
  return (data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 24);
}
