import { unshared } from '../bytes.ts';

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Length of the valid UTF-8 sequence at `offset`, 0 if there is none: overlong forms, surrogates and
 * values beyond U+10FFFF are invalid, as in Go's `unicode/utf8`.
 */
export function utf8SequenceLength(bytes: Uint8Array, offset: number): number {
  const lead = bytes[offset]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const second = bytes[offset + 1] ?? 0;
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest || !isContinuation(bytes[offset + 2] ?? 0)) return 0;
  if (lead < 0xf0) return 3;
  return isContinuation(bytes[offset + 3] ?? 0) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Text of UTF-8 bytes with one U+FFFD for each invalid byte, where `TextDecoder` may merge several. */
export function decodeGoUtf8(bytes: Uint8Array): string {
  const source = unshared(bytes);
  try {
    return strictDecoder.decode(source);
  } catch {
    return decodeByParts(source);
  }
}

function decodeByParts(bytes: Uint8Array<ArrayBuffer>): string {
  let text = '';
  let start = 0;
  for (let i = 0; i <= bytes.length;) {
    const length = i < bytes.length ? utf8SequenceLength(bytes, i) : 0;
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > start) text += strictDecoder.decode(bytes.subarray(start, i));
    if (i < bytes.length) text += '\ufffd';
    i += 1;
    start = i;
  }
  return text;
}
