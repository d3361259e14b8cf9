import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { encodeHex } from '../bytes.ts';
import { createItemKeyDerivation } from './item-key.ts';

it('is HMAC-SHA256 for every length that fits one block', () => {
  for (let seed = 0; seed < 20; seed++) {
    const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 37 + seed * 101);
    const derive = createItemKeyDerivation(secret);
    for (let length = 0; length <= 55; length++) {
      const iv = Uint8Array.from({ length }, (_, i) => 255 - i * seed);
      const expected = createHmac('sha256', secret).update(iv).digest('hex');
      expect(encodeHex(derive(iv))).toBe(expected);
    }
  }
});

it('refuses what it cannot compute', () => {
  expect(() => createItemKeyDerivation(new Uint8Array(31))).toThrow('32 bytes');
  expect(() => createItemKeyDerivation(new Uint8Array(32))(new Uint8Array(56))).toThrow('block');
});
