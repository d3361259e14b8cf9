import type { EpochNanoseconds } from '@longshore/repo';
import { toCivilTime, UTC } from '../civil-time.ts';
import { isEntryName } from '../restore/entry-name.ts';
import type { SnapshotManifest } from '../snapshot-manifest.ts';

/** The directory name for a path or `user@host`, as Kopia's mount forms it: `/home/me` is `home_me`. */
export function shownSourceName(text: string): string {
  if (text === '/') return '__root';
  const name = text
    .replaceAll(/:[/\\]/g, '_')
    .replace(/^\/+/, '')
    .replaceAll(/[/\\]/g, '_')
    .replace(/_+$/, '')
    .replace(/:+$/, '');
  return shownFileName(name);
}

/** The directory name of a snapshot: its start in UTC, `20261124-113000`, and why it is incomplete. */
export function shownSnapshotName({ startTime, incomplete }: SnapshotManifest): string {
  const reason = incomplete === undefined ? '' : ` (${incomplete})`;
  return shownFileName(`${compactTime(startTime)}${reason}`);
}

function compactTime(time: EpochNanoseconds): string {
  const { year, month, day, hour, minute, second } = toCivilTime(time, UTC);
  const date = `${String(year).padStart(4, '0')}${twoDigits(month)}${twoDigits(day)}`;
  return `${date}-${twoDigits(hour)}${twoDigits(minute)}${twoDigits(second)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** The text as one path component: what another program wrote may hold anything. */
export function shownFileName(text: string): string {
  const name = text.toWellFormed().replaceAll(/[/\0]/g, '_');
  return isEntryName(name) ? name : `_${name}`;
}

/**
 * Makes names distinct even where case does not count: the first of several keeps its name, the others get
 * ` (2)`, ` (3)` and so on, as in Kopia.
 */
export function distinctNames(names: readonly string[]): readonly string[] {
  for (let current = names; ;) {
    const counts = new Map<string, number>();
    const next = current.map((name) => {
      const key = name.toLowerCase();
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count === 1 ? name : `${name} (${count})`;
    });
    if (counts.size === names.length) return current;
    current = next;
  }
}
