import { assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRangeHeader } from './range-header.ts';

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', 10, { offset: 0, length: 1 }],
    ['bytes=2-', 10, { offset: 2, length: 8 }],
    ['bytes=2-4', 10, { offset: 2, length: 3 }],
    ['bytes=2-99', 10, { offset: 2, length: 8 }],
    ['bytes=-3', 10, { offset: 7, length: 3 }],
    ['bytes=-30', 10, { offset: 0, length: 10 }],
    ['Bytes = 1 - 2', 10, { offset: 1, length: 2 }],
    ['bytes=0-99999999999999999999', 10, { offset: 0, length: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-20', 10, 'unsatisfiable'],
    ['bytes=99999999999999999999-', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=0-0', 0, 'unsatisfiable'],
    ['bytes=-1', 0, undefined],
    ['bytes=4-2', 10, undefined],
    ['bytes=14-12', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=', 10, undefined],
    ['bytes=a-b', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['lines=0-1', 10, undefined],
    ['', 10, undefined],
    [undefined, 10, undefined],
  ])('%j of %i bytes gives %j', (header, size, range) => {
    expect(parseRangeHeader(header, size)).toEqual(range);
  });

  it('never gives bytes that are not there', () => {
    assert(
      property(nat(100), nat(100), nat(100), (first, last, size) => {
        for (const header of [`bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`]) {
          const range = parseRangeHeader(header, size);
          if (typeof range !== 'object') continue;
          expect(range.length).toBeGreaterThan(0);
          expect(range.offset + range.length).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});
