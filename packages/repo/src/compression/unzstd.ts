import type { BoundedOutput } from './bounded-output.ts';
import { StreamDamage } from './stream-damage.ts';
import { xxh64Low } from './xxh64.ts';
import { readLiterals, type LiteralState } from './zstd-literals.ts';
import { createSequenceState, executeSequences, type SequenceState } from './zstd-sequences.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const MAX_BLOCK_LENGTH = 1 << 17;

interface FrameHeader {
  /** Undefined if the frame does not say. */
  readonly contentSize: number | undefined;
  readonly maxBlockLength: number;
  readonly hasChecksum: boolean;
  /** Offset of the first block. */
  readonly end: number;
}

/**
 * Decodes Zstandard frames (RFC 8878), skippable ones included, with content size and checksum verified.
 * The output is the window, so the window size a frame asks for costs nothing and has no limit.
 */
export function unzstd(input: Uint8Array, output: BoundedOutput): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  do {
    if (at + 8 > input.length) throw new StreamDamage('stream ends early');
    const magic = view.getUint32(at, true);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + view.getUint32(at + 4, true);
      if (at > input.length) throw new StreamDamage('stream ends early');
    } else if (magic === FRAME_MAGIC) {
      at = decodeFrame(input, view, at, output);
    } else {
      throw new StreamDamage('no frame header');
    }
  } while (at < input.length);
}

function decodeFrame(
  input: Uint8Array,
  view: DataView,
  start: number,
  output: BoundedOutput,
): number {
  const header = readFrameHeader(input, view, start + 4);
  const frameStart = output.length;
  if (header.contentSize !== undefined) output.expect(header.contentSize);
  const literals: LiteralState = { huffman: undefined };
  const sequences = createSequenceState();
  let at = header.end;
  let isLast = false;
  while (!isLast) {
    if (at + 3 > input.length) throw new StreamDamage('stream ends early');
    const block = input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16);
    isLast = (block & 1) === 1;
    const type = (block >> 1) & 3;
    const length = block >> 3;
    if (length > header.maxBlockLength) throw new StreamDamage('block too long');
    const storedLength = type === 1 ? 1 : length;
    at += 3;
    if (at + storedLength > input.length) throw new StreamDamage('stream ends early');
    const stored = input.subarray(at, at + storedLength);
    at += storedLength;
    if (type === 0) output.append(stored);
    else if (type === 1) appendRun(output, stored[0]!, length);
    else if (type === 2) {
      decodeBlock(stored, literals, sequences, output, frameStart, header.maxBlockLength);
    } else throw new StreamDamage('unknown block type');
  }
  const content = output.since(frameStart);
  if (header.contentSize !== undefined && header.contentSize !== content.length) {
    throw new StreamDamage('content size does not match');
  }
  if (!header.hasChecksum) return at;
  if (at + 4 > input.length) throw new StreamDamage('stream ends early');
  if (view.getUint32(at, true) !== xxh64Low(content))
    throw new StreamDamage('checksum does not match');
  return at + 4;
}

function decodeBlock(
  block: Uint8Array,
  literalState: LiteralState,
  sequenceState: SequenceState,
  output: BoundedOutput,
  frameStart: number,
  maxLength: number,
): void {
  const { literals, length } = readLiterals(block, literalState, maxLength);
  const section = block.subarray(length);
  executeSequences(section, literals, sequenceState, output, frameStart, maxLength);
}

function appendRun(output: BoundedOutput, byte: number, length: number): void {
  output.reserve(length);
  output.bytes.fill(byte, output.length, output.length + length);
  output.length += length;
}

/** Parses the header behind the magic number. */
function readFrameHeader(input: Uint8Array, view: DataView, start: number): FrameHeader {
  const descriptor = input[start]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw new StreamDamage('reserved header bit is set');
  const windowLength = isSingleSegment ? 0 : 1;
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3]!;
  const sizeLength = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const end = start + 1 + windowLength + dictionaryLength + sizeLength;
  if (end > input.length) throw new StreamDamage('stream ends early');
  const dictionaryStart = start + 1 + windowLength;
  if (
    input.subarray(dictionaryStart, dictionaryStart + dictionaryLength).some((byte) => byte !== 0)
  ) {
    throw new StreamDamage('needs a dictionary');
  }
  const contentSize = readContentSize(view, end - sizeLength, sizeLength);
  const windowSize = isSingleSegment ? (contentSize ?? 0) : windowSizeOf(input[start + 1]!);
  return {
    contentSize,
    maxBlockLength: Math.min(windowSize, MAX_BLOCK_LENGTH),
    hasChecksum: (descriptor & 0x04) !== 0,
    end,
  };
}

function windowSizeOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readContentSize(view: DataView, at: number, length: number): number | undefined {
  switch (length) {
    case 0:
      return undefined;
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  }
}
