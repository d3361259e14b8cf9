/** When a crontab expression comes true, field by field. Lists are sorted; an empty one never comes true. */
export interface CronExpression {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: CronDaysOfMonth;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  readonly daysOfWeek: CronDaysOfWeek;
  readonly years: ReadonlySet<number>;
  /** One of its ranges ends before it begins. It stands for nothing, where its author meant something. */
  readonly hasBackwardRange: boolean;
}

export interface CronDaysOfMonth {
  /** False: the field has a `*` and says nothing about days. */
  readonly isRestricted: boolean;
  readonly days: ReadonlySet<number>;
  /** Days for which the nearest day from Monday to Friday of the same month is taken. */
  readonly nearestWorkdays: ReadonlySet<number>;
  readonly lastDay: boolean;
  readonly lastWorkday: boolean;
}

/** Days are 0, Sunday, to 6. */
export interface CronDaysOfWeek {
  readonly isRestricted: boolean;
  readonly days: ReadonlySet<number>;
  /** The last of this day in the month. */
  readonly lastDays: ReadonlySet<number>;
}

interface Field {
  readonly min: number;
  readonly max: number;
  /** What a word in lower case stands for; undefined: it is malformed. */
  readonly valueOf: (word: string) => number | undefined;
}

const MONTHS =
  'january february march april may june july august september october november december';
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday';
const MONTH_NAMES = MONTHS.split(' ');
const DAY_NAMES = DAYS.split(' ');

const ALIASES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 0 1 1 * *',
  '@annually': '0 0 0 1 1 * *',
  '@monthly': '0 0 0 1 * * *',
  '@weekly': '0 0 0 * * 0 *',
  '@daily': '0 0 0 * * * *',
  '@hourly': '0 0 * * * * *',
};
const ALIAS = new RegExp(Object.keys(ALIASES).join('|'), 'g');
const MIN_FIELDS = 5;
const MAX_FIELDS = 7;

const SIXTY: Field = { min: 0, max: 59, valueOf: (word) => numberIn(word, 0, 59) };
const HOUR: Field = { min: 0, max: 23, valueOf: (word) => numberIn(word, 0, 23) };
const DAY_OF_MONTH: Field = { min: 1, max: 31, valueOf: (word) => numberIn(word, 1, 31) };
const MONTH: Field = {
  min: 1,
  max: 12,
  valueOf: (word) => numberIn(word, 1, 12) ?? named(MONTH_NAMES, word, 1),
};
const DAY_OF_WEEK: Field = { min: 0, max: 6, valueOf: dayOfWeek };
const YEAR: Field = {
  min: 1970,
  max: 2099,
  valueOf: (word) => (/^(?:19[789]\d|20\d\d)$/.test(word) ? Number(word) : undefined),
};

/**
 * Reads an expression as Kopia does: five fields from minutes to days of the week, then a year if there are six, and
 * seconds before them if there are seven; or an alias such as `@daily`. What follows a `#` is a comment. Undefined if
 * it is malformed or a comment only. Source: docs/format/policy.md.
 */
export function parseCronExpression(given: string): CronExpression | undefined {
  const text = withoutComment(given).replaceAll(ALIAS, (alias) => ALIASES[alias]!);
  const words = text === '' ? [] : text.toLowerCase().split(/\s+/).slice(0, MAX_FIELDS);
  if (words.length < MIN_FIELDS) return undefined;
  const [second, minute, hour, dayOfMonth, month, weekday, year] =
    words.length === MAX_FIELDS ? words : ['0', ...words, ...(words.length === 6 ? [] : ['*'])];
  const seconds = parseField(second!, SIXTY);
  const minutes = parseField(minute!, SIXTY);
  const hours = parseField(hour!, HOUR);
  const daysOfMonth = parseField(dayOfMonth!, DAY_OF_MONTH, /^(?:l|lw|\d+w)$/);
  const months = parseField(month!, MONTH);
  const daysOfWeek = parseField(weekday!, DAY_OF_WEEK, /^[a-z0-9]+l$/);
  const years = parseField(year!, YEAR);
  const fields = [seconds, minutes, hours, daysOfMonth, months, daysOfWeek, years];
  if (fields.includes(undefined)) return undefined;
  const monthDays = daysOfMonthOf(daysOfMonth!);
  const weekDays = daysOfWeekOf(daysOfWeek!);
  if (monthDays === undefined || weekDays === undefined) return undefined;
  return {
    seconds: sorted(seconds!),
    minutes: sorted(minutes!),
    hours: sorted(hours!),
    daysOfMonth: monthDays,
    months: months!.values,
    daysOfWeek: weekDays,
    years: years!.values,
    hasBackwardRange: fields.some((field) => field!.hasBackwardRange),
  };
}

/** True for what Kopia takes as an entry of `scheduling.cron`; nothing but a comment is fine. */
export function isCronExpression(given: string): boolean {
  return withoutComment(given) === '' || parseCronExpression(given) !== undefined;
}

function withoutComment(given: string): string {
  return (given.split('#', 1)[0] ?? '').trim();
}

interface ParsedField {
  readonly values: ReadonlySet<number>;
  readonly hasWildcard: boolean;
  readonly hasBackwardRange: boolean;
  /** Items that only this field has, such as `15w`. */
  readonly special: readonly string[];
}

/** Empty items of a list are passed over. */
function parseField(word: string, field: Field, special?: RegExp): ParsedField | undefined {
  const items = word.split(',').filter((item) => item !== '');
  if (items.length === 0) return undefined;
  const values = new Set<number>();
  const specials: string[] = [];
  let hasWildcard = false;
  let hasBackwardRange = false;
  for (const item of items) {
    if (item === '*' || item === '?') {
      hasWildcard = true;
      addRange(values, field.min, field.max, 1);
      continue;
    }
    const range = parseRange(item, field);
    if (range !== undefined) {
      hasBackwardRange ||= range.first > range.last;
      addRange(values, range.first, range.last, range.step);
    } else if (special?.test(item) === true) specials.push(item);
    else return undefined;
  }
  return { values, hasWildcard, hasBackwardRange, special: specials };
}

function addRange(values: Set<number>, first: number, last: number, step: number): void {
  for (let value = first; value <= last; value += step) values.add(value);
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** `5`, `5-20`, `*` with a step, and both of the former with a step: `5/2` goes on to the end. */
function parseRange(item: string, field: Field): Range | undefined {
  const [, ends = '', steps] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
  const step = steps === undefined ? 1 : stepOf(steps, field);
  if (step === undefined) return undefined;
  if (ends === '*') return { first: field.min, last: field.max, step };
  const [from = '', to, ...more] = ends.split('-');
  const first = field.valueOf(from);
  if (first === undefined || more.length > 0) return undefined;
  if (to === undefined) return { first, last: steps === undefined ? first : field.max, step };
  const last = field.valueOf(to);
  if (last === undefined) return undefined;
  // To Kopia a range of days of the week never ends on a Sunday: 5-7 is Friday and Saturday.
  return { first, last: field === DAY_OF_WEEK && last === 0 ? field.max : last, step };
}

function stepOf(digits: string, { max }: Field): number | undefined {
  const step = numberIn(digits, 1, 59) ?? YEAR.valueOf(digits);
  return step === undefined || step > max ? undefined : step;
}

function daysOfMonthOf({ values, hasWildcard, special }: ParsedField): CronDaysOfMonth | undefined {
  const nearest = special
    .filter((item) => item !== 'l' && item !== 'lw')
    .map((item) => DAY_OF_MONTH.valueOf(item.slice(0, -1)));
  const nearestWorkdays = nearest.filter((day) => day !== undefined);
  if (nearestWorkdays.length < nearest.length) return undefined;
  return {
    isRestricted: !hasWildcard,
    days: values,
    nearestWorkdays: new Set(nearestWorkdays),
    lastDay: special.includes('l'),
    lastWorkday: special.includes('lw'),
  };
}

function daysOfWeekOf({ values, hasWildcard, special }: ParsedField): CronDaysOfWeek | undefined {
  const last = special.map((item) => DAY_OF_WEEK.valueOf(item.slice(0, -1)));
  const lastDays = last.filter((day) => day !== undefined);
  if (lastDays.length < last.length) return undefined;
  return { isRestricted: !hasWildcard, days: values, lastDays: new Set(lastDays) };
}

/** A number of at most two digits. */
function numberIn(word: string, min: number, max: number): number | undefined {
  if (!/^\d{1,2}$/.test(word)) return undefined;
  const value = Number(word);
  return value >= min && value <= max ? value : undefined;
}

/** A whole name or its first three letters. */
function named(names: readonly string[], word: string, first: number): number | undefined {
  const index = names.findIndex((name) => name === word || name.slice(0, 3) === word);
  return index < 0 ? undefined : first + index;
}

/** 7 is a Sunday; so is whatever has a leading zero, in Kopia. */
function dayOfWeek(word: string): number | undefined {
  if (/^0[0-7]$/.test(word)) return 0;
  if (/^[0-7]$/.test(word)) return Number(word) % 7;
  return named(DAY_NAMES, word, 0);
}

function sorted({ values }: ParsedField): readonly number[] {
  return [...values].sort((a, b) => a - b);
}
