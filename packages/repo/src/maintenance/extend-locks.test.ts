import { describe, expect, it } from 'vitest';
import { formatGoDuration } from '../format/go-duration.ts';
import { checkLockExtension } from './extend-locks.ts';
import { defaultMaintenanceParameters } from './parameters.ts';

const HOUR = 3_600_000_000_000n;

describe('the extension of object locks', () => {
  const parameters = { ...defaultMaintenanceParameters('me@here'), extendObjectLocks: true };
  const retention = (periodNanoseconds: bigint) =>
    ({ mode: 'GOVERNANCE', periodNanoseconds }) as const;

  it('needs a period of a day more than the interval of full maintenance', () => {
    expect(() => checkLockExtension(parameters, retention(48n * HOUR))).not.toThrow();
    expect(() => checkLockExtension(parameters, retention(48n * HOUR - 1n))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('is no matter without locks, or when it is off', () => {
    expect(() => checkLockExtension(parameters, undefined)).not.toThrow();
    const off = { ...parameters, extendObjectLocks: false };
    expect(() => checkLockExtension(off, retention(HOUR))).not.toThrow();
  });
});

it.each([
  [0n, '0s'],
  [1_500_000_000n, '1.5s'],
  [60_000_000_000n, '1m0s'],
  [720n * HOUR, '720h0m0s'],
  [HOUR + 1n, '1h0m0.000000001s'],
  [-HOUR, '-1h0m0s'],
])('%i nanoseconds are written as Go writes them: %s', (nanoseconds, text) => {
  expect(formatGoDuration(nanoseconds)).toBe(text);
});
