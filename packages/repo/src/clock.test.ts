import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSystemClock, formatGoTime, parseGoTime } from './clock.ts';

describe('the system clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('follows the wall clock wherever it is set to', () => {
    const clock = createSystemClock();
    for (const time of ['2026-11-24T10:00:00Z', '2026-11-27T10:00:00Z', '2025-01-01T00:00:00Z']) {
      vi.setSystemTime(new Date(time));
      expect(formatGoTime(clock())).toBe(time);
    }
  });

  it('gives distinct times within one millisecond', () => {
    vi.setSystemTime(0);
    const clock = createSystemClock();
    expect([clock(), clock(), clock()]).toEqual([0n, 1n, 2n]);
  });
});

describe('times as Go writes them', () => {
  it.each([
    '2024-01-02T03:04:05Z',
    '2024-01-02T03:04:05.12Z',
    '2024-05-06T07:08:09.000000001Z',
    '1955-03-04T05:06:07.123Z',
    '0001-01-01T00:00:00Z',
    '2024-02-29T23:59:59.5Z',
    '2024-12-31T23:59:59.999999999Z',
    '1969-12-31T23:59:59.999999999Z',
    '9999-01-31T00:00:00Z',
  ])('survive parsing: %s', (text) => {
    expect(formatGoTime(parseGoTime(text, 'test'))).toBe(text);
  });

  it('may have an offset', () => {
    expect(parseGoTime('2024-01-02T03:04:05+02:00', 'test')).toBe(
      parseGoTime('2024-01-02T01:04:05Z', 'test'),
    );
  });

  it.each([
    '',
    'yesterday',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2024-01-02 03:04:05Z',
    '2024-01-02T03:04:05.Z',
    '2024-01-0aT03:04:05Z',
    '2024-13-02T03:04:05Z',
  ])('are refused: %j', (text) => {
    expect(() => parseGoTime(text, 'test')).toThrow(/^test: /);
  });
});
