import {
  LongshoreError,
  NANOSECONDS_PER_MILLISECOND,
  type EpochNanoseconds,
} from '@longshore/repo';

/** How times are shown and read. */
export interface TimeFormat {
  /** `2026-11-24 11:43:35 UTC`. */
  show(time: EpochNanoseconds): string;
  /** With milliseconds. */
  showPrecisely(time: EpochNanoseconds): string;
}

/** `zone` is `local`, `utc` or the name of a time zone; INVALID_ARGUMENT if this machine knows none of that name. */
export function createTimeFormat(zone = 'local'): TimeFormat {
  const timeZone =
    zone === '' || zone.toLowerCase() === 'local'
      ? new Intl.DateTimeFormat().resolvedOptions().timeZone
      : zone.toLowerCase() === 'utc'
        ? 'UTC'
        : zone;
  let parts: Intl.DateTimeFormat;
  try {
    parts = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
    });
  } catch (cause) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `--timezone: there is no time zone named ${JSON.stringify(zone)}`,
      { cause },
    );
  }
  const format = (time: EpochNanoseconds, precise: boolean): string => {
    const date = new Date(Number(time / NANOSECONDS_PER_MILLISECOND));
    if (Number.isNaN(date.getTime())) return String(time);
    const field = new Map(parts.formatToParts(date).map(({ type, value }) => [type, value]));
    const day = `${field.get('year')?.padStart(4, '0')}-${field.get('month')}-${field.get('day')}`;
    const second = `${field.get('hour')}:${field.get('minute')}:${field.get('second')}`;
    const fraction = precise ? `.${field.get('fractionalSecond')}` : '';
    return `${day} ${second}${fraction} ${zoneName(date, timeZone)}`;
  };
  return {
    show: (time) => format(time, false),
    showPrecisely: (time) => format(time, true),
  };
}

/** The usual abbreviation, or the offset where the zone has none. */
function zoneName(date: Date, timeZone: string): string {
  for (const locale of ['en-US', 'en-GB', 'en-AU']) {
    const name = zonePart(date, timeZone, locale, 'short');
    if (!name.includes('+') && !name.includes('-')) return name;
  }
  return zonePart(date, timeZone, 'en-US', 'longOffset').replace(/^GMT/, '').replace(':', '');
}

function zonePart(
  date: Date,
  timeZone: string,
  locale: string,
  timeZoneName: 'short' | 'longOffset',
): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName }).formatToParts(date);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}
