const SHORT_MATCH = 48;

/**
 * Repeats the bytes that lie `offset` before `at` until `length` bytes are written there. An `offset`
 * below `length` repeats what the copy itself wrote, as all Lempel-Ziv formats define it. The caller has
 * checked that source and target lie inside `bytes`.
 */
export function copyMatch(bytes: Uint8Array, at: number, offset: number, length: number): void {
  if (length < SHORT_MATCH) {
    for (let i = at, end = at + length; i < end; i++) bytes[i] = bytes[i - offset]!;
    return;
  }
  let done = Math.min(offset, length);
  bytes.copyWithin(at, at - offset, at - offset + done);
  // `done` is the period times a power of two: doubling it keeps the phase.
  while (done < length) {
    const step = Math.min(done, length - done);
    bytes.copyWithin(at + done, at, at + step);
    done += step;
  }
}
