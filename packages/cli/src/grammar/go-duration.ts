import { UsageError } from './usage-error.ts';

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/** Nanoseconds of a duration as Go writes it: `1h30m`, `1.5s`, `-2m`, `0`. As in Kopia's flags also days and weeks. */
export function parseGoDuration(given: string): bigint {
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w))+|0)$/.exec(given);
  if (match === null) {
    throw new UsageError(`needs a duration such as 1h30m, not ${JSON.stringify(given)}`);
  }
  let nanoseconds = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of match[2]!.matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h|d|w)/g,
  )) {
    const scale = UNITS[unit] ?? 0n;
    nanoseconds += BigInt(whole || '0') * scale;
    if (fraction !== '') nanoseconds += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  return match[1] === '-' ? -nanoseconds : nanoseconds;
}

/** As Go prints durations: `24h0m0s`, `1.5s`, `300ms`, `0s`. */
export function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatGoDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return '0s';
  const second = UNITS['s']!;
  if (nanoseconds < second) {
    const unit = nanoseconds < 1_000n ? 'ns' : nanoseconds < 1_000_000n ? 'µs' : 'ms';
    return `${withFraction(nanoseconds, UNITS[unit]!)}${unit}`;
  }
  const minutes = nanoseconds / UNITS['m']!;
  const seconds = `${withFraction(nanoseconds % UNITS['m']!, second)}s`;
  if (minutes === 0n) return seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${minutes}m${seconds}` : `${hours}h${minutes % 60n}m${seconds}`;
}

function withFraction(value: bigint, unit: bigint): string {
  const width = String(unit).length - 1;
  const rest =
    width === 0
      ? ''
      : String(value % unit)
          .padStart(width, '0')
          .replace(/0+$/, '');
  return rest === '' ? String(value / unit) : `${value / unit}.${rest}`;
}
