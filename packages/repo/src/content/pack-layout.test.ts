import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../bytes.ts';
import { hasCode } from '../errors.ts';
import { encodePostamble, paddingLength, parsePostamble } from './pack-layout.ts';

/** The ends of two packs that Kopia wrote, length byte included. */
const SHORT_HASH = '01104ff0a555e67ddbdf4374478e4c7ff4b88020af01c541b49c1a';
const LONG_HASH =
  '0120c5fd70227ffa2995344061c765421876a768e11e795ecd39267ee242c6f46cc28020bf01bbe985382a';

describe('the postamble', () => {
  it.each([
    [SHORT_HASH, '4ff0a555e67ddbdf4374478e4c7ff4b8', 175],
    [LONG_HASH, 'c5fd70227ffa2995344061c765421876a768e11e795ecd39267ee242c6f46cc2', 191],
  ])('of a pack by Kopia is read and written byte for byte', (hex, iv, localIndexLength) => {
    const postamble = { iv: decodeHex(iv)!, localIndexOffset: 4096, localIndexLength };
    expect(parsePostamble(decodeHex(`ffff${hex}`)!)).toEqual(postamble);
    expect(encodeHex(encodePostamble(postamble))).toBe(hex);
  });

  it('is read as it was written, whatever lies in front of it', () => {
    const postambles = fc.record({
      iv: fc.uint8Array({ minLength: 16, maxLength: 32 }),
      localIndexOffset: fc.maxSafeNat(),
      localIndexLength: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(postambles, fc.uint8Array(), (postamble, before) => {
        const tail = Uint8Array.from([...before, ...encodePostamble(postamble)]);
        expect(parsePostamble(tail)).toEqual(postamble);
      }),
    );
  });

  it('is not there when any byte of it is changed or it is cut off', () => {
    const whole = decodeHex(SHORT_HASH)!;
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at]! ^= 0x40;
      expect(parsePostamble(changed)).toBeUndefined();
      expect(parsePostamble(whole.subarray(at + 1))).toBeUndefined();
    }
    expect(parsePostamble(new Uint8Array())).toBeUndefined();
  });

  it('never makes anything but CORRUPT_DATA of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          expect(parsePostamble(bytes)).toBeUndefined();
        } catch (error) {
          if (!hasCode(error, 'CORRUPT_DATA')) throw error;
        }
      }),
    );
  });
});

it('padding reaches the next multiple of 4096 and is never empty', () => {
  expect([0, 1, 4095, 4096, 705].map(paddingLength)).toEqual([4096, 4095, 1, 4096, 3391]);
});
