import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromCivilTime, isoWeek, timeZoneOffset, toCivilTime, UTC } from './civil-time.ts';

const SECOND = 1_000_000_000n;

describe('civil time', () => {
  it('is that of Date in UTC', () => {
    const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, fc.nat({ max: 999_999_999 }), (second, nanosecond) => {
        const time = BigInt(second) * SECOND + BigInt(nanosecond);
        const date = new Date(second * 1000);
        const civil = toCivilTime(time, UTC);
        expect(civil).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
          nanosecond,
        });
        expect(fromCivilTime(civil, UTC)).toBe(time);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['2024-01-31', { month: 2, day: 31 }, '2024-03-02T00:00:00Z'],
    ['2023-12-31', { month: 14, day: 31 }, '2024-03-02T00:00:00Z'],
    ['2024-03-01', { month: 3, day: -30 }, '2024-01-30T00:00:00Z'],
    ['2024-03-01', { month: -9, day: 1 }, '2023-03-01T00:00:00Z'],
  ])('of %s carries over with %j', (from, change, expected) => {
    const civil = toCivilTime(BigInt(Date.parse(from)) * 1_000_000n, UTC);
    expect(fromCivilTime({ ...civil, ...change }, UTC)).toBe(
      BigInt(Date.parse(expected)) * 1_000_000n,
    );
  });

  it('follows the offset of a zone through the year', () => {
    const berlin = timeZoneOffset('Europe/Berlin');
    expect(berlin(Date.parse('2026-01-15T12:00:00Z') / 1000)).toBe(3600);
    expect(berlin(Date.parse('2026-07-15T12:00:00Z') / 1000)).toBe(7200);
    expect(timeZoneOffset('Asia/Kolkata')(0)).toBe(19_800);
    expect(timeZoneOffset('UTC')(1e15)).toBe(0);
  });

  it('that a change of offset skips or repeats is still an instant', () => {
    const berlin = timeZoneOffset('Europe/Berlin');
    const at = (day: number, month: number): string => {
      const civil = { year: 2026, month, day, hour: 2, minute: 30, second: 0, nanosecond: 0 };
      return new Date(Number(fromCivilTime(civil, berlin) / 1_000_000n)).toISOString();
    };
    expect(at(29, 3)).toBe('2026-03-29T01:30:00.000Z');
    expect(at(25, 10)).toBe('2026-10-25T01:30:00.000Z');
  });

  it('needs a zone that exists', () => {
    expect(() => timeZoneOffset('Nowhere/Land')).toThrow(RangeError);
  });
});

describe('the week of a day', () => {
  it.each([
    ['2026-01-01', 2026, 1],
    ['2025-12-29', 2026, 1],
    ['2025-12-28', 2025, 52],
    ['2027-01-03', 2026, 53],
    ['2027-01-04', 2027, 1],
    ['2021-01-03', 2020, 53],
    ['2026-03-12', 2026, 11],
    ['1969-12-31', 1970, 1],
  ])('%s is %i-%i', (day, year, week) => {
    const civil = toCivilTime(BigInt(Date.parse(day)) * 1_000_000n, UTC);
    expect(isoWeek(civil)).toEqual({ year, week });
  });
});
