import type { BoundedOutput } from './bounded-output.ts';
import { copyMatch } from './copy-match.ts';
import { StreamDamage } from './stream-damage.ts';
import { xxh32 } from './xxh32.ts';

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const UNCOMPRESSED_FLAG = 0x80000000;
const MIN_MATCH_LENGTH = 4;
const WINDOW_LENGTH = 0xffff;

interface FrameHeader {
  readonly hasBlockChecksum: boolean;
  readonly hasContentChecksum: boolean;
  readonly areBlocksLinked: boolean;
  /** Undefined if the frame does not say. */
  readonly contentSize: number | undefined;
  readonly maxBlockLength: number;
  /** Offset of the first block. */
  readonly end: number;
}

/** Decodes LZ4 frames (frame format 1.6), skippable ones included, with all checksums they carry verified. */
export function decodeLz4(input: Uint8Array, output: BoundedOutput): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  do {
    const magic = readUint32(view, at);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + readUint32(view, at + 4);
      if (at > input.length) throw new StreamDamage('stream ends early');
    } else if (magic === FRAME_MAGIC) {
      at = decodeFrame(input, view, at + 4, output);
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
  const header = readFrameHeader(input, view, start);
  const frameStart = output.length;
  if (header.contentSize !== undefined) output.expect(header.contentSize);
  let at = header.end;
  for (;;) {
    const size = readUint32(view, at);
    at += 4;
    if (size === 0) break;
    const length = size & ~UNCOMPRESSED_FLAG;
    if (length > header.maxBlockLength) throw new StreamDamage('block too long');
    if (at + length > input.length) throw new StreamDamage('stream ends early');
    const block = input.subarray(at, at + length);
    at += length;
    if (header.hasBlockChecksum) {
      if (readUint32(view, at) !== xxh32(block))
        throw new StreamDamage('block checksum does not match');
      at += 4;
    }
    if (size >= UNCOMPRESSED_FLAG) {
      output.append(block);
    } else {
      const windowStart = header.areBlocksLinked ? frameStart : output.length;
      decodeBlock(block, output, windowStart, header.maxBlockLength);
    }
  }
  const content = output.since(frameStart);
  if (header.contentSize !== undefined && header.contentSize !== content.length) {
    throw new StreamDamage('content size does not match');
  }
  if (!header.hasContentChecksum) return at;
  if (readUint32(view, at) !== xxh32(content))
    throw new StreamDamage('content checksum does not match');
  return at + 4;
}

/** Parses the frame descriptor, which begins at `start`. */
function readFrameHeader(input: Uint8Array, view: DataView, start: number): FrameHeader {
  if (start + 3 > input.length) throw new StreamDamage('stream ends early');
  const flags = input[start]!;
  const blockDescriptor = input[start + 1]!;
  if (flags >> 6 !== 1) throw new StreamDamage('unknown frame version');
  if ((flags & 0x02) !== 0 || (blockDescriptor & 0x8f) !== 0) {
    throw new StreamDamage('reserved header bit is set');
  }
  if ((flags & 0x01) !== 0) throw new StreamDamage('needs a dictionary');
  const sizeCode = blockDescriptor >> 4;
  if (sizeCode < 4) throw new StreamDamage('unknown block size');
  const hasContentSize = (flags & 0x08) !== 0;
  const checksumAt = start + 2 + (hasContentSize ? 8 : 0);
  if (checksumAt >= input.length) throw new StreamDamage('stream ends early');
  const checksum = (xxh32(input.subarray(start, checksumAt)) >>> 8) & 0xff;
  if (input[checksumAt] !== checksum) throw new StreamDamage('header checksum does not match');
  return {
    hasBlockChecksum: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 0x04) !== 0,
    areBlocksLinked: (flags & 0x20) === 0,
    contentSize: hasContentSize
      ? view.getUint32(start + 2, true) + view.getUint32(start + 6, true) * 2 ** 32
      : undefined,
    maxBlockLength: 2 ** (8 + 2 * sizeCode),
    end: checksumAt + 1,
  };
}

/** Decodes one block of sequences. Matches reach back to `windowStart`, 64 KiB at most. */
function decodeBlock(
  block: Uint8Array,
  output: BoundedOutput,
  windowStart: number,
  maxLength: number,
): void {
  const end = output.length + maxLength;
  let { bytes, length } = output;
  let at = 0;
  const makeRoom = (count: number): void => {
    if (count > end - length) throw new StreamDamage('block yields too much');
    if (count <= bytes.length - length) return;
    output.length = length;
    output.reserve(count);
    bytes = output.bytes;
  };
  const readLength = (nibble: number): number => {
    let value = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; value += byte) {
      if (at >= block.length) throw new StreamDamage('block ends early');
      byte = block[at++]!;
    }
    return value;
  };
  for (;;) {
    if (at >= block.length) throw new StreamDamage('block ends early');
    const token = block[at++]!;
    const literalLength = readLength(token >> 4);
    if (literalLength > block.length - at) throw new StreamDamage('block ends early');
    makeRoom(literalLength);
    bytes.set(block.subarray(at, at + literalLength), length);
    at += literalLength;
    length += literalLength;
    // The last sequence has no match.
    if (at === block.length) break;
    if (at + 2 > block.length) throw new StreamDamage('block ends early');
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const matchLength = MIN_MATCH_LENGTH + readLength(token & 15);
    if (offset === 0 || offset > Math.min(length - windowStart, WINDOW_LENGTH)) {
      throw new StreamDamage('offset too far back');
    }
    makeRoom(matchLength);
    copyMatch(bytes, length, offset, matchLength);
    length += matchLength;
  }
  output.length = length;
}

function readUint32(view: DataView, at: number): number {
  if (at + 4 > view.byteLength) throw new StreamDamage('stream ends early');
  return view.getUint32(at, true);
}
