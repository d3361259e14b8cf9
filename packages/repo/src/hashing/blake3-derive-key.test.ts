import { expect, it } from 'vitest';
import { encodeHex } from '../bytes.ts';
import { deriveBlake3Key } from './blake3-derive-key.ts';

// From the test vectors published with BLAKE3: byte i of the key material is i mod 251.
const CONTEXT = 'BLAKE3 2019-12-27 16:29:52 test vectors context';

it.each([
  [0, '2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d'],
  [1, 'b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c'],
  [63, 'b6451e30b953c206e34644c6803724e9d2725e0893039cfc49584f991f451af3'],
  [64, 'a5c4a7053fa86b64746d4bb688d06ad1f02a18fce9afd3e818fefaa7126bf73e'],
])('derives the published key from %i bytes', (length, expected) => {
  const material = Uint8Array.from({ length }, (_, i) => i);
  expect(encodeHex(deriveBlake3Key(CONTEXT, material))).toBe(expected);
});

it('refuses what does not fit one block', () => {
  expect(() => deriveBlake3Key(CONTEXT, new Uint8Array(65))).toThrow('one block');
  expect(() => deriveBlake3Key('x'.repeat(65), new Uint8Array(1))).toThrow('one block');
});
