import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import { checkPreconditions, mayUseRange } from './preconditions.ts';
import { httpDate, parseHttpDate, wholeSeconds } from './validators.ts';

const FILE = { etag: '"abc"', modifiedSeconds: 784_111_777 };
const SAME = 'Sun, 06 Nov 1994 08:49:37 GMT';
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT';

describe('conditions of a request', () => {
  it.each<[IncomingHttpHeaders, string]>([
    [{}, 'go on'],
    [{ 'if-match': '"abc"' }, 'go on'],
    [{ 'if-match': '*' }, 'go on'],
    [{ 'if-match': '"x", "abc"' }, 'go on'],
    [{ 'if-match': '"x"' }, 'failed'],
    [{ 'if-match': 'W/"abc"' }, 'failed'],
    [{ 'if-unmodified-since': SAME }, 'go on'],
    [{ 'if-unmodified-since': EARLIER }, 'failed'],
    [{ 'if-unmodified-since': 'yesterday' }, 'go on'],
    [{ 'if-match': '"abc"', 'if-unmodified-since': EARLIER }, 'go on'],
    [{ 'if-none-match': '"abc"' }, 'not modified'],
    [{ 'if-none-match': 'W/"abc"' }, 'not modified'],
    [{ 'if-none-match': '"x","abc"' }, 'not modified'],
    [{ 'if-none-match': '*' }, 'not modified'],
    [{ 'if-none-match': '"x"' }, 'go on'],
    [{ 'if-modified-since': SAME }, 'not modified'],
    [{ 'if-modified-since': EARLIER }, 'go on'],
    [{ 'if-none-match': '"x"', 'if-modified-since': SAME }, 'go on'],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'failed'],
  ])('%j: %s', (headers, result) => {
    expect(checkPreconditions(headers, FILE)).toBe(result);
  });

  it.each([
    [undefined, true],
    ['"abc"', true],
    ['"x"', false],
    ['W/"abc"', false],
    [SAME, true],
    [EARLIER, false],
    ['nonsense', false],
  ])('If-Range %j lets a part be sent: %s', (header, mayBePart) => {
    expect(mayUseRange(header, FILE)).toBe(mayBePart);
  });
});

describe('a date', () => {
  it.each([SAME, 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '%s is read in each form that HTTP has known',
    (text) => {
      expect(parseHttpDate(text)).toBe(FILE.modifiedSeconds);
    },
  );

  it.each(['', '1994-11-06', '784111777', 'Sun, 99 Nov 1994 08:49:37 GMT'])(
    '%j is none',
    (text) => {
      expect(parseHttpDate(text)).toBeUndefined();
    },
  );

  it('is rounded down, and written so that it is read as the same', () => {
    for (const time of [-1n, 0n, 999_999_999n, -86_400_000_000_001n, 10n ** 18n + 5n]) {
      const seconds = wholeSeconds(time);
      expect(BigInt(seconds) * 1_000_000_000n <= time).toBe(true);
      expect(BigInt(seconds + 1) * 1_000_000_000n > time).toBe(true);
      expect(parseHttpDate(httpDate(seconds))).toBe(seconds);
    }
  });
});
