const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const ALIASES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly'];

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Forms that only this field has, in lower case. */
  readonly special?: RegExp;
}

const SECOND: Field = { min: 0, max: 59 };
const YEAR: Field = { min: 1970, max: 2099 };
const FIVE: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31, special: /^(?:l|lw|(?:[1-9]|[12]\d|3[01])w)$/ },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 7, names: DAYS, special: /^[0-7]l$/ },
];

/**
 * True for what Kopia takes as times of a schedule: five fields from minutes to days of the week, then optionally
 * a year, and before them seconds if there are seven; or an alias such as `@daily`. What follows a `#` is a comment,
 * and nothing but a comment is fine.
 */
export function isCronExpression(given: string): boolean {
  const text = (given.split('#', 1)[0] ?? '').trim().toLowerCase();
  if (text === '' || ALIASES.includes(text)) return true;
  const words = text.split(/\s+/);
  if (words.length < 5 || words.length > 7) return false;
  const fields = [
    ...(words.length === 7 ? [SECOND] : []),
    ...FIVE,
    ...(words.length > 5 ? [YEAR] : []),
  ];
  return words.every((word, index) =>
    word.split(',').every((item) => isItem(item, fields[index]!)),
  );
}

/** `*`, `?`, `5`, `1-5`, each but `?` with a step such as `/15`, or a special form. */
function isItem(item: string, field: Field): boolean {
  if (item === '?' || field.special?.test(item) === true) return true;
  const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((word) => valueOf(word, field));
  if (ends.length > 2 || ends.includes(undefined)) return false;
  const [low = 0, high = low] = ends;
  return low <= high;
}

function valueOf(word: string, { min, max, names = [] }: Field): number | undefined {
  const named = names.findIndex((name) => name === word || name.slice(0, 3) === word);
  if (named >= 0) return min + named;
  if (!/^\d{1,4}$/.test(word)) return undefined;
  const value = Number(word);
  return value >= min && value <= max ? value : undefined;
}
