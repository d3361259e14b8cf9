import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';
import {
  civilFromDays,
  daysFromCivil,
  SECONDS_PER_DAY,
  weekday,
  type UTCOffset,
} from '../civil-time.ts';
import type { CronExpression } from './cron-expression.ts';

const HALF_DAY = SECONDS_PER_DAY / 2;
const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_MINUTE = 60;
const SATURDAY = 6;
const SUNDAY = 0;

/**
 * The first instant after `after` at which the clocks of `localTime` show what the expression says; undefined if
 * there is none. A wall-clock time that clocks skip has no instant, one that they repeat has two. An expression that
 * restricts days of the month and of the week comes true on either.
 */
export function nextCronTime(
  cron: CronExpression,
  after: EpochNanoseconds,
  localTime: UTCOffset,
): EpochNanoseconds | undefined {
  const seconds = after / NANOSECONDS_PER_SECOND;
  const isBefore = seconds * NANOSECONDS_PER_SECOND > after;
  const from = Number(seconds) + (isBefore ? 0 : 1);
  const lastYear = Math.max(...cron.years);
  // Clocks that go back over midnight repeat the end of the day before.
  let day = Math.floor((from + localTime(from)) / SECONDS_PER_DAY) - 1;
  for (;;) {
    const { year, month, day: dayOfMonth } = civilFromDays(day);
    if (!(year <= lastYear)) return undefined;
    if (!cron.years.has(year)) day = daysFromCivil(year + 1, 1, 1);
    else if (!cron.months.has(month)) day = daysFromCivil(year, month + 1, 1);
    else {
      const time = isDay(cron, { year, month, dayOfMonth })
        ? firstInstant(cron, day, from, localTime)
        : undefined;
      if (time !== undefined) return BigInt(time) * NANOSECONDS_PER_SECOND;
      day += 1;
    }
  }
}

interface CalendarDay {
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
}

function isDay(cron: CronExpression, day: CalendarDay): boolean {
  const { daysOfMonth, daysOfWeek } = cron;
  if (!daysOfMonth.isRestricted && !daysOfWeek.isRestricted) return true;
  return (
    (daysOfMonth.isRestricted && isDayOfMonth(cron, day)) ||
    (daysOfWeek.isRestricted && isDayOfWeek(cron, day))
  );
}

function isDayOfMonth({ daysOfMonth }: CronExpression, day: CalendarDay): boolean {
  const { year, month, dayOfMonth } = day;
  const { days, nearestWorkdays, lastDay, lastWorkday } = daysOfMonth;
  const last = lastDayOfMonth(day);
  if (days.has(dayOfMonth)) return true;
  if (lastDay && dayOfMonth === last) return true;
  const wanted = lastWorkday ? [...nearestWorkdays, last] : [...nearestWorkdays];
  return wanted.some(
    (target) => target <= last && nearestWorkday(year, month, target, last) === dayOfMonth,
  );
}

function isDayOfWeek({ daysOfWeek }: CronExpression, day: CalendarDay): boolean {
  const { year, month, dayOfMonth } = day;
  const weekDay = sundayBased(daysFromCivil(year, month, dayOfMonth));
  if (daysOfWeek.days.has(weekDay)) return true;
  return daysOfWeek.lastDays.has(weekDay) && dayOfMonth > lastDayOfMonth(day) - 7;
}

/** Within the month: of a Saturday the 1st it is the 3rd, of a Sunday at the end the Friday before. */
function nearestWorkday(year: number, month: number, day: number, last: number): number {
  switch (sundayBased(daysFromCivil(year, month, day))) {
    case SATURDAY:
      return day > 1 ? day - 1 : day + 2;
    case SUNDAY:
      return day < last ? day + 1 : day - 2;
    default:
      return day;
  }
}

function lastDayOfMonth({ year, month }: CalendarDay): number {
  return civilFromDays(daysFromCivil(year, month + 1, 1) - 1).day;
}

function sundayBased(days: number): number {
  return (weekday(days) + 1) % 7;
}

/** The first instant of a day, in seconds and not before `from`, at which clocks show a wanted time. */
function firstInstant(
  cron: CronExpression,
  day: number,
  from: number,
  localTime: UTCOffset,
): number | undefined {
  const midnight = day * SECONDS_PER_DAY;
  const nearby = midnight - localTime(midnight);
  const start = nearby - HALF_DAY;
  const end = nearby + SECONDS_PER_DAY + HALF_DAY;
  const offsetBefore = localTime(start);
  const offsetAfter = localTime(end);
  const change =
    offsetBefore === offsetAfter ? end : changeOfOffset(start, end, offsetAfter, localTime);
  const before = firstTimeOfDay(cron, Math.max(0, from + offsetBefore - midnight));
  if (before !== undefined && midnight + before - offsetBefore < change) {
    return midnight + before - offsetBefore;
  }
  if (change === end) return undefined;
  const after = firstTimeOfDay(cron, Math.max(0, Math.max(from, change) + offsetAfter - midnight));
  return after === undefined ? undefined : midnight + after - offsetAfter;
}

/** The first second with the offset `after`; there is one change between `start` and `end`. */
function changeOfOffset(start: number, end: number, after: number, localTime: UTCOffset): number {
  let low = start;
  let high = end;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (localTime(middle) === after) high = middle;
    else low = middle;
  }
  return high;
}

/** Seconds since midnight, at least `from`; undefined: none is left on this day. */
function firstTimeOfDay(cron: CronExpression, from: number): number | undefined {
  for (const hour of cron.hours) {
    const hourStart = hour * SECONDS_PER_HOUR;
    if (hourStart + SECONDS_PER_HOUR <= from) continue;
    for (const minute of cron.minutes) {
      const minuteStart = hourStart + minute * SECONDS_PER_MINUTE;
      if (minuteStart + SECONDS_PER_MINUTE <= from) continue;
      const second = cron.seconds.find((candidate) => minuteStart + candidate >= from);
      if (second !== undefined) return minuteStart + second;
    }
  }
  return undefined;
}
