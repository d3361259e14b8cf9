import { expect, it } from 'vitest';
import { createNoncePool } from './nonce-pool.ts';

it('hands out every random byte once, in order, and asks for many at a time', () => {
  let next = 0;
  let requests = 0;
  const nonces = createNoncePool((target) => {
    requests++;
    for (let i = 0; i < target.length; i++) target[i] = next++ % 253;
  });
  expect(requests).toBe(0);
  const target = new Uint8Array(28);
  for (let i = 0; i < 2048; i++) {
    nonces(target);
    const expected = Array.from({ length: 12 }, (_, at) => (12 * i + at) % 253);
    expect([...target]).toEqual([...expected, ...Array(16).fill(0)]);
  }
  expect(requests).toBe(4);
});
