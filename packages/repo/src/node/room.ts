/** `length` bytes at the start of `offered` if it has them, else memory that is not cleared first. */
export function roomFor(length: number, offered: Uint8Array | undefined): Uint8Array {
  if (offered !== undefined && offered.length >= length) return offered.subarray(0, length);
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
