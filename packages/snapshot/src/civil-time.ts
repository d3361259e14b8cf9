import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';

/** Seconds by which local time is ahead of UTC at an instant, given in whole seconds since the epoch. */
export type UTCOffset = (epochSeconds: number) => number;

export const UTC: UTCOffset = () => 0;

/** A wall-clock time without a zone. `month` is 1 to 12. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
}

export const SECONDS_PER_DAY = 86_400;
/** Seconds from the epoch to either end of the time that `Intl` knows. */
const LAST_SECOND = 8_640_000_000_000;

/** The offset of a zone of the IANA database, such as `Europe/Berlin`. RangeError if there is no such zone. */
export function timeZoneOffset(name: string): UTCOffset {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    calendar: 'iso8601',
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (epochSeconds) => {
    const known = Math.max(-LAST_SECOND, Math.min(LAST_SECOND, epochSeconds));
    const parts = new Map(
      format.formatToParts(known * 1000).map(({ type, value }) => [type, value]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    const year = parts.get('era')?.startsWith('B') ? 1 - part('year') : part('year');
    const days = daysFromCivil(year, part('month'), part('day'));
    return (
      days * SECONDS_PER_DAY + part('hour') * 3600 + part('minute') * 60 + part('second') - known
    );
  };
}

export function toCivilTime(time: EpochNanoseconds, offset: UTCOffset): CivilTime {
  const nanosecond = Number(modulo(time, NANOSECONDS_PER_SECOND));
  const seconds = Number((time - BigInt(nanosecond)) / NANOSECONDS_PER_SECOND);
  const local = seconds + offset(seconds);
  const days = Math.floor(local / SECONDS_PER_DAY);
  const rest = local - days * SECONDS_PER_DAY;
  return {
    ...civilFromDays(days),
    hour: Math.floor(rest / 3600),
    minute: Math.floor((rest % 3600) / 60),
    second: rest % 60,
    nanosecond,
  };
}

/**
 * The instant of a wall-clock time; months and days may be out of range and carry over. A time that a change of
 * offset skips or repeats is resolved as Go does, by the offset in force before or after.
 */
export function fromCivilTime(civil: CivilTime, offset: UTCOffset): EpochNanoseconds {
  const local =
    daysFromCivil(civil.year, civil.month, civil.day) * SECONDS_PER_DAY +
    civil.hour * 3600 +
    civil.minute * 60 +
    civil.second;
  const seconds = local - offset(local - offset(local));
  return BigInt(seconds) * NANOSECONDS_PER_SECOND + BigInt(civil.nanosecond);
}

/** Year and number of the ISO 8601 week of a day. */
export function isoWeek({ year, month, day }: CivilTime): {
  readonly year: number;
  readonly week: number;
} {
  const days = daysFromCivil(year, month, day);
  const thursday = days - weekday(days) + 3;
  const weekYear = civilFromDays(thursday).year;
  return {
    year: weekYear,
    week: 1 + Math.floor((thursday - daysFromCivil(weekYear, 1, 1)) / 7),
  };
}

/** 0 is Monday. Day 0 of the epoch was a Thursday. */
export function weekday(days: number): number {
  return (((days + 3) % 7) + 7) % 7;
}

const DAYS_PER_400_YEARS = 146_097;
const DAYS_FROM_MARCH_0000_TO_EPOCH = 719_468;

/** Days since the epoch in the proleptic Gregorian calendar; months beyond 1 to 12 carry over into years. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const monthsFromMarch = month - 3;
  const marchYear = year + Math.floor(monthsFromMarch / 12);
  const marchMonth = monthsFromMarch - 12 * Math.floor(monthsFromMarch / 12);
  const daysBeforeMonth = Math.floor((153 * marchMonth + 2) / 5);
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return 365 * marchYear + leapDays + daysBeforeMonth + day - 1 - DAYS_FROM_MARCH_0000_TO_EPOCH;
}

/** Inverse of {@link daysFromCivil}. */
export function civilFromDays(days: number): Pick<CivilTime, 'year' | 'month' | 'day'> {
  const shifted = days + DAYS_FROM_MARCH_0000_TO_EPOCH;
  const era = Math.floor(shifted / DAYS_PER_400_YEARS);
  const dayOfEra = shifted - era * DAYS_PER_400_YEARS;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

function modulo(value: bigint, divisor: bigint): bigint {
  const remainder = value % divisor;
  return remainder < 0n ? remainder + divisor : remainder;
}
