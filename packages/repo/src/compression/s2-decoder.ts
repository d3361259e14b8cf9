import type { BoundedOutput } from './bounded-output.ts';
import { maskedCrc32c } from './crc32c.ts';
import { decodeS2Block } from './s2-block-decoder.ts';
import {
  S2_CHECKSUM_LENGTH,
  S2_CHUNK_HEADER_LENGTH,
  S2_COMPRESSED_CHUNK,
  S2_FIRST_SKIPPABLE_CHUNK,
  S2_IDENTIFIER,
  S2_IDENTIFIER_CHUNK,
  S2_MAX_BLOCK_LENGTH,
  S2_UNCOMPRESSED_CHUNK,
  SNAPPY_IDENTIFIER,
} from './s2-format.ts';
import { StreamDamage } from './stream-damage.ts';

/**
 * Decodes a framed S2 or Snappy stream, each chunk checked against its CRC. The format has no end mark:
 * a stream cut between two chunks is a shorter valid one, so callers compare lengths.
 */
export function decodeS2(input: Uint8Array, output: BoundedOutput): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  do {
    if (at + S2_CHUNK_HEADER_LENGTH > input.length) throw new StreamDamage('stream ends early');
    const header = view.getUint32(at, true);
    const type = header & 0xff;
    const start = at + S2_CHUNK_HEADER_LENGTH;
    const end = start + (header >>> 8);
    if (end > input.length) throw new StreamDamage('stream ends early');
    if (at === 0 && type !== S2_IDENTIFIER_CHUNK) throw new StreamDamage('no stream identifier');
    decodeChunk(type, input.subarray(start, end), output);
    at = end;
  } while (at < input.length);
}

function decodeChunk(type: number, payload: Uint8Array, output: BoundedOutput): void {
  switch (type) {
    case S2_IDENTIFIER_CHUNK:
      if (!isIdentifier(payload)) throw new StreamDamage('unknown stream identifier');
      return;
    case S2_COMPRESSED_CHUNK:
    case S2_UNCOMPRESSED_CHUNK:
      decodeData(type, payload, output);
      return;
    default:
      if (type < S2_FIRST_SKIPPABLE_CHUNK) throw new StreamDamage(`unknown chunk type ${type}`);
  }
}

function decodeData(type: number, payload: Uint8Array, output: BoundedOutput): void {
  if (payload.length < S2_CHECKSUM_LENGTH) throw new StreamDamage('chunk ends early');
  const start = output.length;
  const block = payload.subarray(S2_CHECKSUM_LENGTH);
  if (type === S2_COMPRESSED_CHUNK) {
    decodeS2Block(block, output);
  } else if (block.length > S2_MAX_BLOCK_LENGTH) {
    throw new StreamDamage('block too long');
  } else {
    output.append(block);
  }
  const stored = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  if (stored !== maskedCrc32c(output.since(start))) throw new StreamDamage('CRC does not match');
}

function isIdentifier(payload: Uint8Array): boolean {
  return [S2_IDENTIFIER, SNAPPY_IDENTIFIER].some(
    (known) => payload.length === known.length && known.every((byte, i) => byte === payload[i]),
  );
}
