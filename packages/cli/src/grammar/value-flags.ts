import { flag, listFlag, valueFlag, type Flag } from './flag.ts';
import { formatGoDuration, parseGoDuration } from './go-duration.ts';
import { UsageError } from './usage-error.ts';

const asText = (value: string): string => value;

/** Any text. */
export const text: ReturnType<typeof valueFlag<string>> = valueFlag(asText, (value) =>
  value === '' ? '""' : value,
);
/** Any texts. */
export const texts: ReturnType<typeof listFlag<string>> = listFlag(asText);
export const integer: ReturnType<typeof valueFlag<number>> = valueFlag(parseInteger);
export const decimal: ReturnType<typeof valueFlag<number>> = valueFlag(parseDecimal);
/** Nanoseconds, written as Go does: `1h30m`, `300ms`. */
export const duration: ReturnType<typeof valueFlag<bigint>> = valueFlag(
  parseGoDuration,
  formatGoDuration,
);
/** Bytes, with a unit such as `1MB` or none. */
export const byteSize: ReturnType<typeof valueFlag<number>> = valueFlag(parseByteSize);

/** One of several words. */
export function oneOf<T extends string>(names: readonly T[]): ReturnType<typeof valueFlag<T>> {
  return valueFlag((given) => parseOneOf(names, given));
}

export function parseOneOf<T extends string>(names: readonly T[], given: string): T {
  const name = names.find((candidate) => candidate === given);
  if (name !== undefined) return name;
  throw new UsageError(`must be one of ${names.join(', ')}, not ${JSON.stringify(given)}`);
}

export function parseInteger(given: string): number {
  const value = Number(given);
  if (/^[+-]?\d+$/.test(given) && Number.isSafeInteger(value)) return value;
  throw new UsageError(`needs a whole number, not ${JSON.stringify(given)}`);
}

function parseDecimal(given: string): number {
  const value = Number(given);
  if (given.trim() !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`needs a number, not ${JSON.stringify(given)}`);
}

/** Units are powers of 1024 however they are spelled, as in Kopia's benchmarks. */
export function parseByteSize(given: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B)?$/i.exec(given);
  if (match === null)
    throw new UsageError(`needs a size such as 10MB, not ${JSON.stringify(given)}`);
  const [, digits, prefix = ''] = match;
  const power = prefix === '' ? 0 : 'KMGTPE'.indexOf(prefix.toUpperCase()) + 1;
  const bytes = Math.round(Number(digits) * 1024 ** power);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(`${JSON.stringify(given)} is too large a size`);
}

/** Adds `--json` and its two companions to a command's flags. */
export const JSON_FLAGS: {
  readonly json: Flag<boolean>;
  readonly 'json-indent': Flag<boolean>;
  readonly 'json-verbose': Flag<boolean>;
} = {
  json: flag('Print JSON, and nothing else, on standard output.'),
  'json-indent': flag('Indent the JSON.', { hidden: true }),
  'json-verbose': flag('Include statistics in the JSON.', { hidden: true }),
};
