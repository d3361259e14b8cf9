import { array, constantFrom, integer, oneof, record, sample, tuple } from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { NANOSECONDS_PER_SECOND } from '@longshore/repo';
import {
  EMPTY_POLICY,
  isCronExpression,
  nextSnapshotTime,
  timeZoneOffset,
  type Policy,
  type UTCOffset,
} from '@longshore/snapshot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KopiaServer } from '../kopia-server.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { Workspace } from './workspace.ts';

type Scheduling = Policy['scheduling'];

interface Resolved {
  readonly upcomingSnapshotTimes: readonly string[];
  readonly schedulingError?: string;
}

const PASSWORD = 'schedules';
const RANDOM_EXPRESSIONS = 300;
const SEED = 20_261_124;
const PROPERTIES = { seed: SEED, numRuns: RANDOM_EXPRESSIONS };
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

const kopiaBinary = findKopia();

function nanoseconds(time: number | string): bigint {
  return BigInt(new Date(time).getTime()) * NANOSECONDS_PER_MILLISECOND;
}

/** A field that Kopia takes: no range ends before it begins, which makes it crash in the field of months. */
function field(min: number, max: number, special: readonly string[] = []): Arbitrary<string> {
  const value = integer({ min, max });
  const step = integer({ min: 1, max: Math.min(max, 59) });
  const range = tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const item = oneof(
    { weight: 4, arbitrary: value.map(String) },
    { weight: 2, arbitrary: range },
    tuple(range, step).map(([ends, every]) => `${ends}/${every}`),
    tuple(value, step).map(([start, every]) => `${start}/${every}`),
    step.map((every) => `*/${every}`),
    ...(special.length === 0 ? [] : [constantFrom(...special)]),
  );
  return oneof(
    { weight: 2, arbitrary: constantFrom('*', '?') },
    { weight: 3, arbitrary: array(item, { minLength: 1, maxLength: 3 }).map((all) => all.join()) },
  );
}

const expressions = record({
  minute: field(0, 59),
  hour: field(0, 23),
  dayOfMonth: field(1, 31, ['L', 'LW', '1W', '15w', '31W']),
  month: field(1, 12, ['feb', 'December', 'JAN-MAR', '02']),
  dayOfWeek: field(0, 6, ['7', '5-7', '0-7', 'mon-fri', 'mon-sun', 'SAT', '5L', '0l', '04']),
  extra: constantFrom('', '', '', ' 2027', ' 2026-2030/2', ' *'),
}).map(
  ({ minute, hour, dayOfMonth, month, dayOfWeek, extra }) =>
    `${minute} ${hour} ${dayOfMonth} ${month} ${dayOfWeek}${extra}`,
);

/** Words that may or may not be fields. */
const nearExpressions = array(
  constantFrom(
    '*',
    '5',
    '05',
    '005',
    '60',
    '1-2-3',
    '*/0',
    '*/7',
    ',',
    '1,,2',
    'L',
    '5L',
    'x',
    '?',
  ),
  { minLength: 4, maxLength: 8 },
).map((words) => words.join(' '));

describe.skipIf(isKopiaMissing(kopiaBinary, 'schedules against Kopia', 8))('schedules', () => {
  let work: Workspace;
  let path: string;

  beforeAll(async () => {
    work = new Workspace('schedules');
    path = work.folder('repo');
    await using _ = await KopiaClient.create({ binary: kopiaBinary!, path, password: PASSWORD });
  });

  afterAll(() => work[Symbol.dispose]());

  function startServer(timeZone: string): Promise<KopiaServer> {
    return KopiaServer.start({ binary: kopiaBinary!, path, password: PASSWORD, timeZone });
  }

  /** Each snapshot is followed from the one before it, so that only the first depends on the clock. */
  async function expectSameTimes(
    server: KopiaServer,
    localTime: UTCOffset,
    scheduling: Scheduling,
    count: number,
  ): Promise<void> {
    const next = (now: bigint): bigint | undefined =>
      nextSnapshotTime(scheduling, { previous: now, now, localTime })?.time;
    const before = nanoseconds(Date.now());
    const { upcomingSnapshotTimes } = await server.post<Resolved>(
      'policy/resolve?userName=tester&host=kopia-host&path=/x',
      { updates: { ...EMPTY_POLICY, scheduling }, numUpcomingSnapshotTimes: count },
    );
    const after = nanoseconds(Date.now()) + NANOSECONDS_PER_MILLISECOND;
    const theirs = upcomingSnapshotTimes.map(nanoseconds);
    const [first] = theirs;
    expect([next(before), next(after)]).toContain(first);
    const ours: (bigint | undefined)[] = theirs.map((_, index) =>
      index === 0 ? first : next(theirs[index - 1]! + NANOSECONDS_PER_SECOND),
    );
    if (theirs.length > 0 && theirs.length < count) {
      expect(next(theirs[theirs.length - 1]! + NANOSECONDS_PER_SECOND)).toBeUndefined();
    }
    expect(ours).toEqual(theirs);
  }

  it.each([
    ['UTC', 30],
    ['America/New_York', 30],
  ])('by random crontab expressions come when Kopia has them in %s', async (zone, count) => {
    const localTime = timeZoneOffset(zone);
    await using server = await startServer(zone);
    for (const expression of sample(expressions, PROPERTIES)) {
      await expectSameTimes(server, localTime, { cron: [expression] }, count).catch(
        (cause: unknown) => {
          throw new Error(`${expression} in ${zone}`, { cause });
        },
      );
    }
  });

  it.each(['America/New_York', 'Europe/Dublin', 'Africa/Cairo', 'Asia/Kolkata'])(
    'over two years come when Kopia has them in %s, clocks going on and back',
    async (zone) => {
      const localTime = timeZoneOffset(zone);
      await using server = await startServer(zone);
      for (const cron of ['30 2 * * *', '30 1 * * *', '0 0 * * *', '15 */3 * * *']) {
        await expectSameTimes(server, localTime, { cron: [cron] }, 730);
      }
      const timeOfDay = [
        { hour: 0, min: 0 },
        { hour: 1, min: 30 },
        { hour: 2, min: 30 },
      ];
      await expectSameTimes(server, localTime, { timeOfDay }, 2200);
      await expectSameTimes(server, localTime, { timeOfDay, cron: ['@weekly', '# no'] }, 500);
    },
  );

  it('by intervals are aligned as Kopia aligns them', async () => {
    await using server = await startServer('America/New_York');
    const localTime = timeZoneOffset('America/New_York');
    for (const intervalSeconds of [60, 3600, 7200, 5000, 86_400, 604_800, 1_000_003]) {
      await expectSameTimes(server, localTime, { intervalSeconds }, 20);
      const timeOfDay = [{ hour: 9, min: 41 }];
      await expectSameTimes(server, localTime, { intervalSeconds, timeOfDay }, 20);
    }
  });

  it('have the crontab expressions that Kopia takes, and no others', async () => {
    await using server = await startServer('UTC');
    for (const expression of sample(nearExpressions, PROPERTIES)) {
      const { schedulingError } = await server.post<Resolved>('policy/resolve?path=/x', {
        updates: { ...EMPTY_POLICY, scheduling: { cron: [expression] } },
      });
      expect([expression, schedulingError === undefined]).toEqual([
        expression,
        isCronExpression(expression),
      ]);
    }
  });
});
