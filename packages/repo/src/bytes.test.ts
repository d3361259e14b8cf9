import { expect, it } from 'vitest';
import { freeMemory, ownBytes } from './bytes.ts';

it('gives back memory that the bytes fill, and leaves everything else alone', () => {
  const whole = new Uint8Array(100_000);
  const most = new Uint8Array(new ArrayBuffer(100_000), 200);
  freeMemory(whole);
  freeMemory(most);
  expect([whole.length, most.length]).toEqual([0, 0]);
  const pooled = Buffer.allocUnsafe((Buffer.poolSize >>> 1) - 1).fill('x');
  const kept = [
    pooled,
    new Uint8Array(1000),
    new Uint8Array(new ArrayBuffer(100_000), 0, 40_000),
    new Uint8Array(new SharedArrayBuffer(100_000)),
  ];
  const lengths = kept.map(({ length }) => length);
  for (const bytes of kept) freeMemory(bytes);
  expect(kept.map(({ length }) => length)).toEqual(lengths);
  expect(pooled.every((byte) => byte === 0x78)).toBe(true);
});

it('copies bytes that share their buffer, and no others', () => {
  const whole = Uint8Array.of(1, 2, 3);
  expect(ownBytes(whole)).toBe(whole);
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  for (const part of [whole.subarray(1), shared]) {
    const own = ownBytes(part);
    expect(own).toEqual(new Uint8Array(part));
    expect(own.buffer).toBeInstanceOf(ArrayBuffer);
    expect(own.buffer.byteLength).toBe(part.length);
  }
});
