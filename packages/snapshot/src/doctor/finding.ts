import type { EpochNanoseconds, RepositorySurvey } from '@longshore/repo';
import { formatGoTime } from '@longshore/repo';

/** `error`: data is lost or in danger. `warning`: something will go wrong. `note`: as it should be, but worth knowing. */
export type FindingSeverity = 'error' | 'warning' | 'note';

/** Something about a repository that its operator should know, in sentences. */
export interface Finding {
  /** Names the kind of finding for programs. */
  readonly id: string;
  readonly severity: FindingSeverity;
  readonly cause: string;
  readonly effect: string;
  readonly remedy: string;
}

/** Looks for one kind of trouble. */
export type Examination = (survey: RepositorySurvey) => readonly Finding[];

export const HOUR: EpochNanoseconds = 3_600_000_000_000n;
export const DAY: EpochNanoseconds = 24n * HOUR;

/** `1 pack`, `5 packs` */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** To a tenth of the largest unit that fits. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Days, hours or minutes, rounded down. */
export function formatSpan(nanoseconds: bigint): string {
  if (nanoseconds >= 2n * DAY) return `${nanoseconds / DAY} days`;
  if (nanoseconds >= 2n * HOUR) return `${nanoseconds / HOUR} hours`;
  return countOf(Number(nanoseconds / (HOUR / 60n)), 'minute');
}

/** To the minute: nobody plans by seconds. */
export function formatMoment(time: EpochNanoseconds): string {
  return `${formatGoTime(time).slice(0, 16).replace('T', ' ')} UTC`;
}

/** The first few names, and how many more there are. */
export function nameSome(names: readonly string[], count: number): string {
  const shown = names.slice(0, 3).join(', ');
  return count > 3 ? `${shown} and ${count - 3} more` : shown;
}
