/** Below this it is not worth the call. */
const FREED_LENGTH = 16_384;

/**
 * Gives the memory of `bytes` back, which nobody looks at any more: neither at them nor at what else lies in their
 * buffer. Left to the collector, buffers add up and set it off again and again. Does nothing to shared memory, nor
 * to a part of Node's pool, which is always less than half of it.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < FREED_LENGTH) return;
  if (2 * byteLength >= buffer.byteLength) buffer.transfer(0);
}
