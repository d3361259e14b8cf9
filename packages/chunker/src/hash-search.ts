/** Bytes under the rolling hash of both dynamic algorithms. */
export const WINDOW_SIZE = 64;

/**
 * Finds the smallest cut `e` in `first`..`last` for which the hash of `data[e - 64, e)` has no bit of `mask`, or -1.
 * Callers guarantee `64 <= first <= last <= data.length`. Nothing is remembered between two calls.
 */
export type HashSearch = (data: Uint8Array, first: number, last: number, mask: number) => number;
