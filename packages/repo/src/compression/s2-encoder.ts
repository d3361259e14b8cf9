import { maskedCrc32c } from './crc32c.ts';
import {
  S2_CHECKSUM_LENGTH,
  S2_CHUNK_HEADER_LENGTH,
  S2_COMPRESSED_CHUNK,
  S2_IDENTIFIER,
  S2_IDENTIFIER_CHUNK,
  S2_UNCOMPRESSED_CHUNK,
} from './s2-format.ts';
import type { S2Matcher } from './s2-matcher.ts';

/** What Kopia writes too. Readers take up to 4 MiB, but a far offset costs more than it finds. */
const BLOCK_LENGTH = 1 << 20;
const MIN_COMPRESSIBLE_LENGTH = 32;
const FRAME_LENGTH = S2_CHUNK_HEADER_LENGTH + S2_CHECKSUM_LENGTH;

/** A framed S2 stream. A block that would not shrink by a thirty-second is stored as it is. */
export function encodeS2(data: Uint8Array, matcher: S2Matcher): Uint8Array {
  const identifierLength = S2_CHUNK_HEADER_LENGTH + S2_IDENTIFIER.length;
  const chunkCount = Math.ceil(data.length / BLOCK_LENGTH);
  const target = new Uint8Array(identifierLength + data.length + chunkCount * FRAME_LENGTH);
  target[0] = S2_IDENTIFIER_CHUNK;
  target[1] = S2_IDENTIFIER.length;
  target.set(S2_IDENTIFIER, S2_CHUNK_HEADER_LENGTH);
  let at = identifierLength;
  for (let start = 0; start < data.length; start += BLOCK_LENGTH) {
    at = encodeChunk(data, start, Math.min(start + BLOCK_LENGTH, data.length), matcher, target, at);
  }
  return target.slice(0, at);
}

function encodeChunk(
  data: Uint8Array,
  start: number,
  end: number,
  matcher: S2Matcher,
  target: Uint8Array,
  at: number,
): number {
  const length = end - start;
  const payload = at + FRAME_LENGTH;
  let type = S2_COMPRESSED_CHUNK;
  let next = encodeBlock(data, start, end, matcher, target, payload);
  if (next === undefined) {
    type = S2_UNCOMPRESSED_CHUNK;
    target.set(data.subarray(start, end), payload);
    next = payload + length;
  }
  const view = new DataView(target.buffer);
  view.setUint32(at, type | ((next - at - S2_CHUNK_HEADER_LENGTH) << 8), true);
  view.setUint32(at + S2_CHUNK_HEADER_LENGTH, maskedCrc32c(data.subarray(start, end)), true);
  return next;
}

/** Undefined if the block does not shrink enough. Writes inside the room of the uncompressed block. */
function encodeBlock(
  data: Uint8Array,
  start: number,
  end: number,
  matcher: S2Matcher,
  target: Uint8Array,
  at: number,
): number | undefined {
  const length = end - start;
  if (length < MIN_COMPRESSIBLE_LENGTH) return undefined;
  const limit = at + length - (length >> 5);
  let next = at;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) target[next++] = (rest & 0x7f) | 0x80;
  target[next++] = rest;
  return matcher.encode(data, start, end, target, next, limit);
}
