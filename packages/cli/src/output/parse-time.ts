import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';
import {
  fromCivilTime,
  timeZoneOffset,
  toCivilTime,
  UTC,
  type CivilTime,
  type UTCOffset,
} from '@longshore/snapshot';
import { UsageError } from '../grammar/usage-error.ts';

/** What a time was written to: half of it is known only to so much. */
type Precision = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

interface WrittenTime {
  readonly civil: CivilTime;
  readonly offset: UTCOffset;
  readonly precision: Precision;
}

const SHAPE =
  /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?)?)?\s*(Z|[A-Z]{2,5}|[+-]\d{2}(?::?\d{2})?)?$/;

/** The time zone of this machine. */
function localOffset(): UTCOffset {
  return timeZoneOffset(new Intl.DateTimeFormat().resolvedOptions().timeZone);
}

/** A time as listings show it: `2026-11-24 11:43:35 UTC`. UsageError naming `flag` for any other text. */
export function parseTimestamp(text: string, flag: string): EpochNanoseconds {
  const written = parseWritten(text);
  if (written?.precision !== 'second') {
    throw new UsageError(
      `${flag} needs a time such as "2026-11-24 11:43:35 UTC", not ${JSON.stringify(text)}`,
    );
  }
  return fromCivilTime(written.civil, written.offset);
}

/**
 * The end of a stretch of time: of the second, day, month or year that `text` names, or of what `yesterday`,
 * `last-month`, `last-year`, `3d-ago`, `1y2m3d-ago` mean. UsageError for any other text.
 */
export function parseTimeLimit(text: string, now: EpochNanoseconds): EpochNanoseconds {
  const local = localOffset();
  const today = { ...toCivilTime(now, local), hour: 0, minute: 0, second: 0, nanosecond: 0 };
  if (text === 'yesterday') return fromCivilTime(today, local);
  if (text === 'last-month') return fromCivilTime({ ...today, day: 1 }, local);
  if (text === 'last-year') return fromCivilTime({ ...today, month: 1, day: 1 }, local);
  const ago = /^(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?-ago$/.exec(text);
  if (ago !== null) {
    const [years, months, days] = ago.slice(1).map((digits) => Number(digits ?? 0));
    return fromCivilTime(
      {
        ...today,
        year: today.year - years!,
        month: today.month - months!,
        day: today.day - days! + 1,
      },
      local,
    );
  }
  const written = parseWritten(text);
  if (written === undefined) {
    throw new UsageError(`${JSON.stringify(text)} is not a time; try 2026-11-24 or "3d-ago"`);
  }
  return fromCivilTime(next(written), written.offset);
}

function next({ civil, precision }: WrittenTime): CivilTime {
  return { ...civil, [precision]: civil[precision] + 1 };
}

function parseWritten(text: string): WrittenTime | undefined {
  const match = SHAPE.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const precision: Precision =
    second !== undefined
      ? 'second'
      : minute !== undefined
        ? 'minute'
        : hour !== undefined
          ? 'hour'
          : day !== undefined
            ? 'day'
            : month !== undefined
              ? 'month'
              : 'year';
  const offset = parseZone(zone);
  if (offset === undefined) return undefined;
  return {
    civil: {
      year: Number(year),
      month: Number(month ?? 1),
      day: Number(day ?? 1),
      hour: Number(hour ?? 0),
      minute: Number(minute ?? 0),
      second: Number(second ?? 0),
      nanosecond: Number((fraction ?? '').padEnd(9, '0')),
    },
    offset,
    precision,
  };
}

/** Undefined for an abbreviation that is not this machine's: it would have to be guessed. */
function parseZone(zone: string | undefined): UTCOffset | undefined {
  if (zone === undefined) return localOffset();
  if (zone === 'Z' || zone === 'UTC' || zone === 'GMT') return UTC;
  const numeric = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (numeric === null) return isLocalAbbreviation(zone) ? localOffset() : undefined;
  const [, sign, hours, minutes = '0'] = numeric;
  const seconds = (Number(hours) * 60 + Number(minutes)) * 60;
  return () => (sign === '-' ? -seconds : seconds);
}

function isLocalAbbreviation(zone: string): boolean {
  const year = new Date().getFullYear();
  return [new Date(year, 0, 1), new Date(year, 6, 1)].some((date) =>
    ['en-US', 'en-GB', 'en-AU'].some((locale) =>
      new Intl.DateTimeFormat(locale, { timeZoneName: 'short' })
        .formatToParts(date)
        .some(({ type, value }) => type === 'timeZoneName' && value === zone),
    ),
  );
}

/** Whole seconds, as durations are shown in messages. */
export function wholeSeconds(duration: bigint): bigint {
  return (duration / NANOSECONDS_PER_SECOND) * NANOSECONDS_PER_SECOND;
}
