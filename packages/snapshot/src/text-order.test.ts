import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8, compareBytes } from '@longshore/repo';
import { compareUtf8, sortedUnique } from './text-order.ts';

describe('the order of texts', () => {
  it('is that of their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 4 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const expected = Math.sign(compareBytes(encodeUtf8(a), encodeUtf8(b)));
        expect(Math.sign(compareUtf8(a, b))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('sorts lists without duplicates', () => {
    expect(sortedUnique(['😀', '\uffff', 'b', 'a', 'b'])).toEqual(['a', 'b', '\uffff', '😀']);
  });
});
