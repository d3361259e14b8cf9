import type { BoundedOutput } from './bounded-output.ts';
import { crc32 } from './crc32.ts';
import { inflate } from './inflate.ts';
import { StreamDamage } from './stream-damage.ts';

const FIXED_HEADER_LENGTH = 10;
const TRAILER_LENGTH = 8;
const FLAG_HEADER_CRC = 0x02;
const FLAG_EXTRA = 0x04;
const FLAG_NAME = 0x08;
const FLAG_COMMENT = 0x10;
const RESERVED_FLAGS = 0xe0;

/** Decodes a gzip stream (RFC 1952) of one or more members, each with its CRC and length checked. */
export function gunzip(input: Uint8Array, output: BoundedOutput): void {
  let at = 0;
  do {
    at = gunzipMember(input, at, output);
  } while (at < input.length);
}

function gunzipMember(input: Uint8Array, start: number, output: BoundedOutput): number {
  const memberStart = output.length;
  const trailer = inflate(input, skipHeader(input, start), output);
  const end = trailer + TRAILER_LENGTH;
  if (end > input.length) throw new StreamDamage('stream ends early');
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (view.getUint32(trailer, true) !== crc32(output.since(memberStart))) {
    throw new StreamDamage('CRC does not match');
  }
  if (view.getUint32(trailer + 4, true) !== (output.length - memberStart) % 2 ** 32) {
    throw new StreamDamage('length does not match');
  }
  return end;
}

/** The offset of the DEFLATE stream of the member that begins at `start`. */
function skipHeader(input: Uint8Array, start: number): number {
  if (start + FIXED_HEADER_LENGTH > input.length) throw new StreamDamage('stream ends early');
  if (input[start] !== 0x1f || input[start + 1] !== 0x8b || input[start + 2] !== 8) {
    throw new StreamDamage('no gzip header');
  }
  const flags = input[start + 3]!;
  if ((flags & RESERVED_FLAGS) !== 0) throw new StreamDamage('unknown header flags');
  let at = start + FIXED_HEADER_LENGTH;
  if (flags & FLAG_EXTRA) {
    if (at + 2 > input.length) throw new StreamDamage('stream ends early');
    at += 2 + (input[at]! | (input[at + 1]! << 8));
  }
  if (flags & FLAG_NAME) at = skipText(input, at);
  if (flags & FLAG_COMMENT) at = skipText(input, at);
  if (flags & FLAG_HEADER_CRC) {
    if (at + 2 > input.length) throw new StreamDamage('stream ends early');
    const stored = input[at]! | (input[at + 1]! << 8);
    if (stored !== (crc32(input.subarray(start, at)) & 0xffff)) {
      throw new StreamDamage('header CRC does not match');
    }
    at += 2;
  }
  return at;
}

function skipText(input: Uint8Array, start: number): number {
  const terminator = input.indexOf(0, start);
  if (terminator === -1) throw new StreamDamage('stream ends early');
  return terminator + 1;
}
