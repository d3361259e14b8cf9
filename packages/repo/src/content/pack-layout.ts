import { ByteReader, ByteWriter } from '../bytes.ts';
import { crc32 } from '../compression/crc32.ts';

/*
 * pack      [format replica] | preamble | contents | padding | recovery index | postamble | u8 length of postamble
 * postamble uvarint 1 | uvarint iv length | iv | uvarint recovery index offset | uvarint its length
 *           | u32 CRC-32 of the preceding postamble bytes
 * Source: docs/format/pack.md.
 */

/** Random bytes in front of the contents. */
export const PREAMBLE_LENGTH = 32;

const PADDING_UNIT = 4096;
const POSTAMBLE_VERSION = 1;
const CRC_LENGTH = 4;
const MIN_POSTAMBLE_LENGTH = 5;
const MAX_POSTAMBLE_LENGTH = 255;
const MIN_IV_LENGTH = 16;
const MAX_IV_LENGTH = 32;

/** Random bytes behind `lengthSoFar`, 1 to 4096: the recovery index starts at a multiple of 4096. */
export function paddingLength(lengthSoFar: number): number {
  return PADDING_UNIT - (lengthSoFar % PADDING_UNIT);
}

/** Where the recovery index of a pack lies and what it was sealed with. */
export interface PackPostamble {
  /** The whole hash of the recovery index in plaintext, 16 to 32 bytes. */
  readonly iv: Uint8Array;
  /** From the start of the pack. */
  readonly localIndexOffset: number;
  /** Stored bytes. */
  readonly localIndexLength: number;
}

/** The last bytes of a pack, the length byte included. */
export function encodePostamble(postamble: PackPostamble): Uint8Array {
  const writer = new ByteWriter(MAX_POSTAMBLE_LENGTH + 1)
    .uvarint(POSTAMBLE_VERSION)
    .uvarint(postamble.iv.length)
    .bytes(postamble.iv)
    .uvarint(postamble.localIndexOffset)
    .uvarint(postamble.localIndexLength);
  writer.uint32(crc32(writer.toBytes()));
  return writer.uint8(writer.length).toBytes();
}

/**
 * Reads the postamble at the end of `tail`, the last bytes of a pack. Undefined if there is none: its
 * length, checksum, version or iv is not what a postamble has.
 */
export function parsePostamble(tail: Uint8Array): PackPostamble | undefined {
  const length = tail.at(-1);
  if (length === undefined || length < MIN_POSTAMBLE_LENGTH || length >= tail.length) {
    return undefined;
  }
  const fields = tail.subarray(tail.length - 1 - length, tail.length - 1 - CRC_LENGTH);
  const what = 'pack postamble';
  const checksum = new ByteReader(tail, what, tail.length - 1 - CRC_LENGTH).uint32('checksum');
  if (crc32(fields) !== checksum) return undefined;
  const reader = new ByteReader(fields, what);
  if (reader.uvarint('version') !== POSTAMBLE_VERSION) return undefined;
  const ivLength = reader.uvarint('ivLength');
  if (ivLength < MIN_IV_LENGTH || ivLength > MAX_IV_LENGTH) return undefined;
  return {
    iv: reader.bytes(ivLength, 'iv').slice(),
    localIndexOffset: reader.uvarint('localIndexOffset'),
    localIndexLength: reader.uvarint('localIndexLength'),
  };
}
