import { BUZHASH32_TABLE } from './buzhash32-table.ts';
import { WINDOW_SIZE } from './hash-search.ts';

// Signed words stay in the engine's fast integer representation, unsigned ones above 2^31 do not.
const TABLE = new Int32Array(BUZHASH32_TABLE.buffer);

/** The unsigned 32-bit hash of the 64 bytes that start at `offset`: rotate by one bit, add the byte's word. */
export function buzhash32(data: Uint8Array, offset: number): number {
  let hash = 0;
  for (let index = offset; index < offset + WINDOW_SIZE; index++) {
    hash = ((hash << 1) | (hash >>> 31)) ^ TABLE[data[index]!]!;
  }
  return hash >>> 0;
}

/** The reference {@link HashSearch} of BUZHASH. */
export function searchBuzhash32(
  data: Uint8Array,
  first: number,
  last: number,
  mask: number,
): number {
  const table = TABLE;
  let hash = buzhash32(data, first - WINDOW_SIZE) | 0;
  if ((hash & mask) === 0) return first;
  for (
    let entering = first, leaving = first - WINDOW_SIZE;
    entering < last;
    entering++, leaving++
  ) {
    // The window is twice the word, so the leaving byte's word has come round to its first position.
    const exchange = table[data[leaving]!]! ^ table[data[entering]!]!;
    hash = ((hash << 1) | (hash >>> 31)) ^ exchange;
    if ((hash & mask) === 0) return entering + 1;
  }
  return -1;
}
