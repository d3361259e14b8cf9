import { CorruptDataError } from './errors.ts';

/** Nanoseconds since 1970-01-01T00:00:00Z. `Date` has a thousandth of a thousandth of that resolution. */
export type EpochNanoseconds = bigint;

/** Time as a value: the core never reads a clock by itself. */
export type Clock = () => EpochNanoseconds;

/** Fills `target` with cryptographically random bytes. */
export type RandomSource = (target: Uint8Array) => void;

/** Resolves after `milliseconds`; rejects with `signal.reason` if aborted first. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

export const NANOSECONDS_PER_SECOND = 1_000_000_000n;
export const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Go's zero `time.Time`, as it appears in JSON. */
export const GO_ZERO_TIME = '0001-01-01T00:00:00Z';

/**
 * The wall clock, wherever it is set to: what is too old must be seen to be, after a pause of the machine as
 * well. Milliseconds, made distinct by counting nanoseconds within each.
 */
export function createSystemClock(): Clock {
  let lastMilliseconds = Number.NaN;
  let within = 0n;
  return () => {
    const milliseconds = Date.now();
    within = milliseconds === lastMilliseconds ? within + 1n : 0n;
    lastMilliseconds = milliseconds;
    return BigInt(milliseconds) * NANOSECONDS_PER_MILLISECOND + within;
  };
}

export const webRandomSource: RandomSource = (target) => {
  for (let i = 0; i < target.length; i += 65536) {
    const part = target.subarray(i, i + 65536);
    if (part.buffer instanceof ArrayBuffer) crypto.getRandomValues(part as Uint8Array<ArrayBuffer>);
    else part.set(crypto.getRandomValues(new Uint8Array(part.length)));
  }
};

export const systemSleep: Sleep = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });

/** RFC 3339 in UTC as Go writes it: up to nine fraction digits, trailing zeros dropped. */
export function formatGoTime(time: EpochNanoseconds): string {
  let seconds = time / NANOSECONDS_PER_SECOND;
  let nanoseconds = time % NANOSECONDS_PER_SECOND;
  if (nanoseconds < 0n) {
    nanoseconds += NANOSECONDS_PER_SECOND;
    seconds -= 1n;
  }
  const secondsText = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (nanoseconds === 0n) return `${secondsText}Z`;
  const fraction = nanoseconds.toString().padStart(9, '0').replace(/0+$/, '');
  return `${secondsText}.${fraction}Z`;
}

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Any RFC 3339 time with any offset, to the nanosecond; anything else is CORRUPT_DATA naming `what`. */
export function parseGoTime(text: string, what: string): EpochNanoseconds {
  return parseUTCTime(text) ?? parseAnyTime(text, what);
}

/**
 * The form that Kopia writes, `YYYY-MM-DDThh:mm:ss[.fraction]Z`, without a regular expression: a directory has
 * one for each entry. Undefined for every other form, and for days that only a calendar can judge.
 */
function parseUTCTime(text: string): EpochNanoseconds | undefined {
  const last = text.length - 1;
  if (last < 19 || last > 29 || text.charCodeAt(last) !== 0x5a || text.charCodeAt(10) !== 0x54) {
    return undefined;
  }
  const isPunctuated =
    text.charCodeAt(4) === 0x2d &&
    text.charCodeAt(7) === 0x2d &&
    text.charCodeAt(13) === 0x3a &&
    text.charCodeAt(16) === 0x3a &&
    (last === 19 || (text.charCodeAt(19) === 0x2e && last > 20));
  if (!isPunctuated) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  const fraction = last === 19 ? 0 : digits(text, 20, last) * 10 ** (29 - last);
  const isPlain =
    year >= 1000 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= (month === 2 ? 28 : 30) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    fraction >= 0;
  if (!isPlain) return undefined;
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second);
  return BigInt(milliseconds) * NANOSECONDS_PER_MILLISECOND + BigInt(fraction);
}

/** The number that these characters spell; NaN if one is no digit. */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function parseAnyTime(text: string, what: string): EpochNanoseconds {
  const match = RFC_3339.exec(text);
  if (!match) throw new CorruptDataError(`${what}: not an RFC 3339 time: ${JSON.stringify(text)}`);
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour, offsetMinute] =
    match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) {
    throw new CorruptDataError(`${what}: no such day: ${JSON.stringify(text)}`);
  }
  const offsetSeconds =
    (sign === '-' ? -1 : 1) * (Number(offsetHour ?? 0) * 3600 + Number(offsetMinute ?? 0) * 60);
  const nanoseconds = BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return BigInt(date.getTime() / 1000 - offsetSeconds) * NANOSECONDS_PER_SECOND + nanoseconds;
}
