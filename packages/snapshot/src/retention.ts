import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '@longshore/repo';
import {
  fromCivilTime,
  isoWeek,
  toCivilTime,
  UTC,
  type CivilTime,
  type UTCOffset,
} from './civil-time.ts';
import type { RetentionPolicy } from './policy/policy.ts';
import { compareSnapshotTimes, type SnapshotDraft } from './snapshot-manifest.ts';

/** What retention looks at. */
export type RetentionCandidate = Pick<
  SnapshotDraft,
  'startTime' | 'endTime' | 'incomplete' | 'pins'
>;

const HOUR: EpochNanoseconds = 3600n * NANOSECONDS_PER_SECOND;
const KEEP_INCOMPLETE_YOUNGER_THAN: EpochNanoseconds = 4n * HOUR;
const KEEP_INCOMPLETE_COUNT = 3;

/**
 * Why each snapshot of one source is kept, in the order of `snapshots`: reasons such as `latest-1`, `daily-3`
 * or `incomplete`. None: only a pin keeps it. `localTime` is that of the machine: Kopia counts weeks, and goes
 * back in the calendar, in local time. Source: docs/format/policy.md.
 */
export function retentionReasons(
  snapshots: readonly RetentionCandidate[],
  policy: RetentionPolicy,
  localTime: UTCOffset,
): readonly (readonly string[])[] {
  const newestFirst = snapshots
    .map((snapshot, position) => ({ snapshot, position }))
    .sort((a, b) => compareSnapshotTimes(b.snapshot, a.snapshot));
  const periods = new PeriodCounter(policy, localTime, newestComplete(snapshots));
  const reasons: (readonly string[])[] = snapshots.map(() => []);
  const newestStart = newestFirst[0]?.snapshot.startTime ?? 0n;
  let keepsIncomplete = true;
  for (const [index, { snapshot, position }] of newestFirst.entries()) {
    if (snapshot.incomplete === undefined) {
      keepsIncomplete = false;
      reasons[position] = periods.reasons(snapshot.startTime, index);
    } else if (keepsIncomplete) {
      const age = newestStart - snapshot.startTime;
      keepsIncomplete = age < KEEP_INCOMPLETE_YOUNGER_THAN || index < KEEP_INCOMPLETE_COUNT;
      if (keepsIncomplete) reasons[position] = ['incomplete'];
    }
  }
  return reasons;
}

/** The snapshots of one source that neither a reason nor a pin keeps. */
export function expiredSnapshots<T extends RetentionCandidate>(
  snapshots: readonly T[],
  policy: RetentionPolicy,
  localTime: UTCOffset,
): readonly T[] {
  const reasons = retentionReasons(snapshots, policy, localTime);
  return snapshots.filter(({ pins }, index) => pins.length === 0 && reasons[index]!.length === 0);
}

function newestComplete(snapshots: readonly RetentionCandidate[]): EpochNanoseconds | undefined {
  return snapshots
    .filter(({ incomplete }) => incomplete === undefined)
    .reduce<EpochNanoseconds | undefined>(
      (newest, { startTime }) => (newest === undefined || startTime > newest ? startTime : newest),
      undefined,
    );
}

/** One way of keeping snapshots. */
interface Period {
  readonly kind: string;
  readonly limit: number | undefined;
  /** Snapshots that started earlier are not counted. */
  readonly notBefore: EpochNanoseconds | undefined;
  /** The first snapshot with an ID is the one that is kept for it. */
  readonly id: (snapshot: PeriodTimes) => string;
}

interface PeriodTimes {
  readonly utc: CivilTime;
  readonly local: CivilTime;
  /** Among all snapshots, newest first. */
  readonly index: number;
}

/** The order in which Kopia shows reasons; it is not the order in which periods take an ID. */
const SHOWN_ORDER = ['latest', 'hourly', 'daily', 'weekly', 'monthly', 'annual'];

class PeriodCounter {
  readonly #periods: readonly Period[];
  readonly #localTime: UTCOffset;
  readonly #counts = new Map<string, number>();
  /** Shared by all periods, as in Kopia: week 11 and month 11 of a year are the same ID, and only one gets it. */
  readonly #takenIDs = new Set<string>();

  constructor(policy: RetentionPolicy, localTime: UTCOffset, newest: EpochNanoseconds | undefined) {
    this.#periods = newest === undefined ? [] : periodsOf(policy, localTime, newest);
    this.#localTime = localTime;
  }

  /** To be called for complete snapshots, newest first. */
  reasons(startTime: EpochNanoseconds, index: number): readonly string[] {
    const times: PeriodTimes = {
      utc: toCivilTime(startTime, UTC),
      local: toCivilTime(startTime, this.#localTime),
      index,
    };
    const kept: { readonly kind: string; readonly count: number }[] = [];
    for (const { kind, limit, notBefore, id } of this.#periods) {
      if (limit === undefined || (notBefore !== undefined && startTime < notBefore)) continue;
      const periodID = id(times);
      const count = this.#counts.get(kind) ?? 0;
      if (this.#takenIDs.has(periodID) || count >= limit) continue;
      this.#takenIDs.add(periodID);
      this.#counts.set(kind, count + 1);
      kept.push({ kind, count: count + 1 });
    }
    kept.sort((a, b) => SHOWN_ORDER.indexOf(a.kind) - SHOWN_ORDER.indexOf(b.kind));
    return kept.map(({ kind, count }) => `${kind}-${count}`);
  }
}

function periodsOf(
  policy: RetentionPolicy,
  localTime: UTCOffset,
  newest: EpochNanoseconds,
): readonly Period[] {
  const { keepLatest, keepHourly, keepDaily, keepWeekly, keepMonthly, keepAnnual } = policy;
  const limits = [keepLatest, keepHourly, keepDaily, keepWeekly, keepMonthly, keepAnnual];
  const keepsAll = limits.reduce<number>((sum, limit = 0) => sum + limit, 0) === 0;
  const civil = toCivilTime(newest, localTime);
  const before = (years: number, months: number, days: number): EpochNanoseconds =>
    fromCivilTime(
      {
        ...civil,
        year: civil.year - years,
        month: civil.month - months,
        day: civil.day - days,
      },
      localTime,
    );
  return [
    {
      kind: 'latest',
      limit: keepsAll ? Infinity : keepLatest,
      notBefore: undefined,
      id: ({ index }) => String(index),
    },
    {
      kind: 'annual',
      limit: keepAnnual,
      notBefore: before(keepAnnual ?? 0, 0, 0),
      id: ({ utc }) => yearID(utc),
    },
    {
      kind: 'monthly',
      limit: keepMonthly,
      notBefore: before(0, keepMonthly ?? 0, 0),
      id: ({ utc }) => monthID(utc),
    },
    {
      kind: 'weekly',
      limit: keepWeekly,
      notBefore: before(0, 0, 7 * (keepWeekly ?? 0)),
      id: ({ local }) => weekID(local),
    },
    {
      kind: 'daily',
      limit: keepDaily,
      notBefore: before(0, 0, keepDaily ?? 0),
      id: ({ utc }) => dayID(utc),
    },
    {
      kind: 'hourly',
      limit: keepHourly,
      notBefore: newest - BigInt(keepHourly ?? 0) * HOUR,
      id: ({ utc }) => `${dayID(utc)} ${digits(utc.hour, 2)}`,
    },
  ];
}

function yearID({ year }: CivilTime): string {
  return digits(year, 4);
}

function monthID(time: CivilTime): string {
  return `${yearID(time)}-${digits(time.month, 2)}`;
}

function dayID(time: CivilTime): string {
  return `${monthID(time)}-${digits(time.day, 2)}`;
}

function weekID(time: CivilTime): string {
  const { year, week } = isoWeek(time);
  return `${digits(year, 4)}-${digits(week, 2)}`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
