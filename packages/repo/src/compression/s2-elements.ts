import { S2_COPY_1_TAG, S2_COPY_2_TAG, S2_COPY_4_TAG, S2_LITERAL_TAG } from './s2-format.ts';

const MAX_COPY_1_OFFSET = 2047;
const MAX_COPY_1_LENGTH = 11;
const MAX_COPY_2_OFFSET = 0xffff;
const MAX_COPY_LENGTH = 64;
const MIN_REPEAT_LENGTH = 4;
/** More than any literal header, copy and repeat together. */
export const S2_MAX_ELEMENT_OVERHEAD = 16;

/** Writes `source[from..to)` as a literal to `target` at `at`; the offset behind it. Nothing for no bytes. */
export function writeLiteral(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  const length = to - from;
  if (length === 0) return at;
  let next = at;
  const n = length - 1;
  if (n < 60) {
    target[next++] = (n << 2) | S2_LITERAL_TAG;
  } else {
    const lengthBytes = n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : 3;
    target[next++] = ((59 + lengthBytes) << 2) | S2_LITERAL_TAG;
    for (let i = 0; i < lengthBytes; i++) target[next++] = n >>> (8 * i);
  }
  if (length > 32) {
    target.set(source.subarray(from, to), next);
  } else {
    for (let i = 0; i < length; i++) target[next + i] = source[from + i]!;
  }
  return next + length;
}

/** Writes a copy of 4 bytes or more, a long one as a copy and a repeat; the offset behind it. */
export function writeCopy(target: Uint8Array, at: number, offset: number, length: number): number {
  if (length <= MAX_COPY_LENGTH) return writeSingleCopy(target, at, offset, length);
  // The shortest form of the copy first; what is left for the repeat must be a whole one.
  const preferred = offset <= MAX_COPY_1_OFFSET ? 8 : MAX_COPY_LENGTH;
  const first = Math.min(preferred, length - MIN_REPEAT_LENGTH);
  return writeRepeat(target, writeSingleCopy(target, at, offset, first), offset, length - first);
}

/** Writes a copy of 4 bytes or more from the offset that the last copy had; the offset behind it. */
export function writeRepeat(
  target: Uint8Array,
  at: number,
  offset: number,
  length: number,
): number {
  if (length <= 8) {
    target[at] = ((length - 4) << 2) | S2_COPY_1_TAG;
    target[at + 1] = 0;
    return at + 2;
  }
  if (length <= MAX_COPY_1_LENGTH && offset <= MAX_COPY_1_OFFSET) {
    return writeSingleCopy(target, at, offset, length);
  }
  const lengthBytes = length < 8 + (1 << 8) ? 1 : length < 4 + (1 << 8) + (1 << 16) ? 2 : 3;
  const rest = length - (lengthBytes === 1 ? 8 : 4 + (1 << (8 * (lengthBytes - 1))));
  target[at] = ((4 + lengthBytes) << 2) | S2_COPY_1_TAG;
  target[at + 1] = 0;
  for (let i = 0; i < lengthBytes; i++) target[at + 2 + i] = rest >>> (8 * i);
  return at + 2 + lengthBytes;
}

/** `length` from 4 to 64. */
function writeSingleCopy(target: Uint8Array, at: number, offset: number, length: number): number {
  if (offset <= MAX_COPY_1_OFFSET && length <= MAX_COPY_1_LENGTH) {
    target[at] = ((offset >>> 8) << 5) | ((length - 4) << 2) | S2_COPY_1_TAG;
    target[at + 1] = offset;
    return at + 2;
  }
  const offsetBytes = offset <= MAX_COPY_2_OFFSET ? 2 : 4;
  target[at] = ((length - 1) << 2) | (offsetBytes === 2 ? S2_COPY_2_TAG : S2_COPY_4_TAG);
  for (let i = 0; i < offsetBytes; i++) target[at + 1 + i] = offset >>> (8 * i);
  return at + 1 + offsetBytes;
}
