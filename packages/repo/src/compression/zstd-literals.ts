import { StreamDamage } from './stream-damage.ts';
import { decodeHuffmanStream, readHuffmanTable, type HuffmanTable } from './zstd-huffman.ts';

/** What the literals of one frame carry from block to block. */
export interface LiteralState {
  huffman: HuffmanTable | undefined;
}

export interface LiteralSection {
  /** Decoded literals; may be a view of the block. */
  readonly literals: Uint8Array;
  /** Bytes that the section takes. */
  readonly length: number;
}

const RAW = 0;
const RUN = 1;
const TREELESS = 3;

/** Decodes the literals section at the start of a compressed block (RFC 8878, section 3.1.1.3.1). */
export function readLiterals(
  block: Uint8Array,
  state: LiteralState,
  maxLength: number,
): LiteralSection {
  if (block.length === 0) throw new StreamDamage('block ends early');
  const type = block[0]! & 3;
  const section =
    type === RAW || type === RUN
      ? readPlainLiterals(block, type, maxLength)
      : readHuffmanLiterals(block, type, state, maxLength);
  if (section.length > block.length) throw new StreamDamage('block ends early');
  return section;
}

function readPlainLiterals(block: Uint8Array, type: number, maxLength: number): LiteralSection {
  const format = (block[0]! >> 2) & 3;
  const headerLength = format === 1 ? 2 : format === 3 ? 3 : 1;
  if (headerLength > block.length) throw new StreamDamage('block ends early');
  const header = block[0]! | ((block[1] ?? 0) << 8) | ((block[2] ?? 0) << 16);
  const count =
    headerLength === 1
      ? block[0]! >> 3
      : headerLength === 2
        ? (header & 0xffff) >> 4
        : (header & 0xffffff) >> 4;
  if (count > maxLength) throw new StreamDamage('too many literals');
  if (type === RUN) {
    if (headerLength >= block.length) throw new StreamDamage('block ends early');
    return {
      literals: new Uint8Array(count).fill(block[headerLength]!),
      length: headerLength + 1,
    };
  }
  const length = headerLength + count;
  if (length > block.length) throw new StreamDamage('block ends early');
  return { literals: block.subarray(headerLength, length), length };
}

function readHuffmanLiterals(
  block: Uint8Array,
  type: number,
  state: LiteralState,
  maxLength: number,
): LiteralSection {
  const { count, compressedLength, headerLength, streamCount } = readHuffmanHeader(block);
  const end = headerLength + compressedLength;
  if (end > block.length) throw new StreamDamage('block ends early');
  if (count > maxLength) throw new StreamDamage('too many literals');
  let data = block.subarray(headerLength, end);
  if (type !== TREELESS) {
    const { table, length } = readHuffmanTable(data);
    state.huffman = table;
    data = data.subarray(length);
  }
  if (state.huffman === undefined) throw new StreamDamage('no Huffman table to repeat');
  const literals = new Uint8Array(count);
  if (streamCount === 1) decodeHuffmanStream(data, state.huffman, literals);
  else decodeFourStreams(data, state.huffman, literals);
  return { literals, length: end };
}

interface HuffmanHeader {
  readonly count: number;
  readonly compressedLength: number;
  readonly headerLength: number;
  readonly streamCount: 1 | 4;
}

function readHuffmanHeader(block: Uint8Array): HuffmanHeader {
  const format = (block[0]! >> 2) & 3;
  const headerLength = format < 2 ? 3 : format + 2;
  if (headerLength > block.length) throw new StreamDamage('block ends early');
  // Both lengths have 10, 14 or 18 bits behind the four of type and format.
  const bits = format < 2 ? 10 : 4 * format + 6;
  const low = (block[0]! | (block[1]! << 8) | (block[2]! << 16) | ((block[3] ?? 0) << 24)) >>> 0;
  const header = low + (headerLength === 5 ? block[4]! * 2 ** 32 : 0);
  return {
    count: Math.floor(header / 16) % 2 ** bits,
    compressedLength: Math.floor(header / 2 ** (4 + bits)) % 2 ** bits,
    headerLength,
    streamCount: format === 0 ? 1 : 4,
  };
}

/** Four streams behind a table of the first three lengths; the first three yield equally many literals. */
function decodeFourStreams(data: Uint8Array, table: HuffmanTable, literals: Uint8Array): void {
  if (data.length < 6) throw new StreamDamage('block ends early');
  const share = (literals.length + 3) >> 2;
  if (3 * share > literals.length) throw new StreamDamage('too few literals for four streams');
  let from = 6;
  for (let stream = 0; stream < 4; stream++) {
    const length =
      stream === 3 ? data.length - from : data[2 * stream]! | (data[2 * stream + 1]! << 8);
    if (length < 0 || from + length > data.length) throw new StreamDamage('block ends early');
    const start = stream * share;
    decodeHuffmanStream(
      data.subarray(from, from + length),
      table,
      literals.subarray(start, Math.min(start + share, literals.length)),
    );
    from += length;
  }
}
