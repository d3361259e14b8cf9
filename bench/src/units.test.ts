import { describe, expect, it } from 'vitest';
import { formatBytes, formatRatio, formatSeconds, parseSize } from './units.ts';

describe('units for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1234, '1.23 KB'],
    [999_600, '1.00 MB'],
    [20 * 1024 * 1024, '21.0 MB'],
    [2e9, '2.00 GB'],
  ])('says %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0.0000035, '3.50 us'],
    [0.0123, '12.3 ms'],
    [0.9999, '1.00 s'],
    [61.5, '61.5 s'],
    [600, '10.0 min'],
  ])('says %d seconds as %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it('shows two decimals of a ratio', () => expect(formatRatio(0.456)).toBe('0.46'));

  it.each([
    ['4096', 4096],
    ['20MiB', 20 * 1024 ** 2],
    ['1.5 GB', 1.5e9],
    ['64kib', 65_536],
    ['much', undefined],
    ['', undefined],
  ])('reads %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));
});
