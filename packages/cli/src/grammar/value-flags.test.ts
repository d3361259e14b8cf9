import { describe, expect, it } from 'vitest';
import { formatGoDuration, parseGoDuration } from './go-duration.ts';
import { parseByteSize } from './value-flags.ts';

describe('a duration', () => {
  it.each([
    ['0', 0n, '0s'],
    ['300ms', 300_000_000n, '300ms'],
    ['1.5s', 1_500_000_000n, '1.5s'],
    ['10m', 600_000_000_000n, '10m0s'],
    ['1h30m', 5_400_000_000_000n, '1h30m0s'],
    ['24h0m0s', 86_400_000_000_000n, '24h0m0s'],
    ['-2m', -120_000_000_000n, '-2m0s'],
    ['1us', 1_000n, '1µs'],
    ['7ns', 7n, '7ns'],
    ['.5h', 1_800_000_000_000n, '30m0s'],
    ['2d12h', 216_000_000_000_000n, '60h0m0s'],
    ['1.5w', 907_200_000_000_000n, '252h0m0s'],
  ])('%s is read and written as Go does', (text, nanoseconds, written) => {
    expect(parseGoDuration(text)).toBe(nanoseconds);
    expect(formatGoDuration(nanoseconds)).toBe(written);
  });

  it.each(['', '1', 'h', '1x', '1h 2m', '1.2.3s', '1D', '1y'])('%j is none', (text) => {
    expect(() => parseGoDuration(text)).toThrow('needs a duration');
  });
});

describe('a size', () => {
  it.each([
    ['10', 10],
    ['1KB', 1024],
    ['1MB', 1_048_576],
    ['1.5MiB', 1_572_864],
    ['2g', 2_147_483_648],
  ])('%s has powers of 1024', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', 'MB', '-1', '1XB'])('%j is none', (text) => {
    expect(() => parseByteSize(text)).toThrow('needs a size');
  });
});
