import { NANOSECONDS_PER_SECOND } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { timeZoneOffset, UTC, type UTCOffset } from '../civil-time.ts';
import { parseCronExpression } from './cron-expression.ts';
import { nextCronTime } from './cron-time.ts';
import { nextSnapshotTime } from './next-snapshot-time.ts';
import type { SchedulingPolicy } from './policy.ts';

function time(text: string): bigint {
  return BigInt(Date.parse(text)) * 1_000_000n;
}

function shown(nanoseconds: bigint | undefined): string | undefined {
  if (nanoseconds === undefined) return undefined;
  return new Date(Number(nanoseconds / 1_000_000n)).toISOString().replace('.000', '');
}

function next(
  scheduling: SchedulingPolicy,
  now: string,
  { previous = now, localTime = UTC }: { previous?: string | null; localTime?: UTCOffset } = {},
): readonly [string | undefined, 'later' | 'due' | 'missed'] | undefined {
  const snapshot = nextSnapshotTime(scheduling, {
    previous: previous === null ? undefined : time(previous),
    now: time(now),
    localTime,
  });
  if (snapshot === undefined) return undefined;
  const { isDue, isMissed } = snapshot;
  return [shown(snapshot.time), isMissed ? 'missed' : isDue ? 'due' : 'later'];
}

function cronTimes(expression: string, from: string, count: number, zone?: string): string[] {
  const cron = parseCronExpression(expression)!;
  const localTime = zone === undefined ? UTC : timeZoneOffset(zone);
  const times: string[] = [];
  let now: bigint | undefined = time(from);
  while (times.length < count) {
    now = nextCronTime(cron, now, localTime);
    if (now === undefined) break;
    times.push(shown(now)!);
  }
  return times;
}

const NEW_YORK = timeZoneOffset('America/New_York');
/** A Tuesday. */
const NOON = '2026-11-24T12:00:00Z';

describe('the next snapshot', () => {
  it('is never due without a schedule, or when snapshots are taken by hand', () => {
    expect(next({}, NOON)).toBeUndefined();
    expect(next({ runMissed: true }, NOON)).toBeUndefined();
    expect(next({ manual: true, intervalSeconds: 60 }, NOON)).toBeUndefined();
  });

  it.each([
    // Aligned to whole intervals since the year 1.
    [3600, '2026-11-24T11:59:59Z', NOON, ['2026-11-24T12:00:00Z', 'due']],
    [3600, NOON, NOON, ['2026-11-24T13:00:00Z', 'later']],
    [3600, '2026-11-24T12:20:00Z', '2026-11-24T12:30:00Z', ['2026-11-24T13:00:00Z', 'later']],
    [86_400, '2026-11-24T11:00:00Z', NOON, ['2026-11-25T00:00:00Z', 'later']],
    [604_800, NOON, NOON, ['2026-11-30T00:00:00Z', 'later']],
    [3600, '2026-11-20T00:00:00Z', NOON, [NOON, 'due']],
    [3600, null, NOON, [NOON, 'due']],
  ] as const)(
    'comes %i seconds after the one at %s: at %s',
    (interval, previous, now, expected) => {
      expect(next({ intervalSeconds: interval }, now, { previous })).toEqual(expected);
    },
  );

  it('comes at the next of the times of day, in local time', () => {
    const timeOfDay = [
      { hour: 3, min: 30 },
      { hour: 12, min: 0 },
      { hour: 22, min: 15 },
    ];
    expect(next({ timeOfDay }, NOON)).toEqual([NOON, 'due']);
    expect(next({ timeOfDay }, '2026-11-24T12:00:01Z')).toEqual(['2026-11-24T22:15:00Z', 'later']);
    expect(next({ timeOfDay }, '2026-11-24T23:00:00Z')).toEqual(['2026-11-25T03:30:00Z', 'later']);
    expect(next({ timeOfDay }, '2026-11-24T23:00:00Z', { localTime: NEW_YORK })).toEqual([
      '2026-11-25T03:15:00Z',
      'later',
    ]);
  });

  it('comes at the earliest of what interval, times of day and crontab say', () => {
    const timeOfDay = [{ hour: 18, min: 0 }];
    const cron = ['0 20 * * *', '# nothing', 'not an expression', '30 13 * * *'];
    expect(next({ timeOfDay, cron }, NOON)).toEqual(['2026-11-24T13:30:00Z', 'later']);
    const all = { timeOfDay, cron, intervalSeconds: 3600 };
    expect(next(all, NOON)).toEqual(['2026-11-24T13:00:00Z', 'later']);
  });

  it('is taken at once where one was missed and the next is more than half an hour away', () => {
    const scheduling = { timeOfDay: [{ hour: 9, min: 0 }], runMissed: true };
    const previous = '2026-11-23T09:00:00Z';
    expect(next(scheduling, NOON, { previous })).toEqual([NOON, 'missed']);
    expect(next(scheduling, NOON, { previous: null })).toEqual([NOON, 'missed']);
    expect(next({ ...scheduling, runMissed: false }, NOON, { previous })).toEqual([
      '2026-11-25T09:00:00Z',
      'later',
    ]);
    expect(next(scheduling, NOON, { previous: '2026-11-24T09:00:00Z' })).toEqual([
      '2026-11-25T09:00:00Z',
      'later',
    ]);
    const soon = { ...scheduling, cron: ['30 12 * * *'] };
    expect(next(soon, NOON, { previous })).toEqual(['2026-11-24T12:30:00Z', 'later']);
    expect(next({ cron: ['0 9 * * *'], runMissed: true }, NOON, { previous })).toEqual([
      NOON,
      'missed',
    ]);
  });

  it('is not missed by an interval alone', () => {
    const scheduling = { intervalSeconds: 86_400, runMissed: true };
    expect(next(scheduling, NOON, { previous: '2026-11-24T01:00:00Z' })).toEqual([
      '2026-11-25T00:00:00Z',
      'later',
    ]);
  });
});

describe('times of a crontab expression', () => {
  it.each([
    ['*/20 12-13 * * *', ['2026-11-24T12:20:00Z', '2026-11-24T12:40:00Z', '2026-11-24T13:00:00Z']],
    ['0 0 1 */4 *', ['2027-01-01T00:00:00Z', '2027-05-01T00:00:00Z', '2027-09-01T00:00:00Z']],
    // The 13th, or a Friday.
    ['0 5 13 * 5', ['2026-11-27T05:00:00Z', '2026-12-04T05:00:00Z', '2026-12-11T05:00:00Z']],
    ['0 0 29 2 *', ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z', '2036-02-29T00:00:00Z']],
    ['0 0 L * *', ['2026-11-30T00:00:00Z', '2026-12-31T00:00:00Z', '2027-01-31T00:00:00Z']],
    ['0 0 LW * *', ['2026-11-30T00:00:00Z', '2026-12-31T00:00:00Z', '2027-01-29T00:00:00Z']],
    // A Tuesday, a Friday and a Monday instead of a Sunday.
    ['0 0 15W * *', ['2026-12-15T00:00:00Z', '2027-01-15T00:00:00Z', '2027-02-15T00:00:00Z']],
    ['0 0 1W * *', ['2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z', '2027-02-01T00:00:00Z']],
    ['0 0 * * 5L', ['2026-11-27T00:00:00Z', '2026-12-25T00:00:00Z', '2027-01-29T00:00:00Z']],
    ['5 4 3 2 1 ? 2031', ['2031-01-02T03:04:05Z']],
    ['0 0 30 2 *', []],
    ['0 17-9 * * *', []],
    ['* * * * * 1999', []],
    ['* * * * * * *', ['2026-11-24T12:00:01Z', '2026-11-24T12:00:02Z', '2026-11-24T12:00:03Z']],
  ])('%s', (expression, times) => {
    expect(cronTimes(expression, NOON, 3)).toEqual(times);
  });

  it('are after the moment that is given, to the nanosecond', () => {
    const cron = parseCronExpression('0 * * * *')!;
    const noon = time(NOON);
    expect(nextCronTime(cron, noon - 1n, UTC)).toBe(noon);
    expect(nextCronTime(cron, noon, UTC)).toBe(noon + 3600n * NANOSECONDS_PER_SECOND);
    expect(nextCronTime(cron, -1n, UTC)).toBe(0n);
  });

  it('that clocks skip do not come, and those that they repeat come twice', () => {
    // 2027-03-14 02:00 becomes 03:00, 2027-11-07 02:00 becomes 01:00.
    expect(cronTimes('30 2 * * *', '2027-03-13T12:00:00Z', 2, 'America/New_York')).toEqual([
      '2027-03-15T06:30:00Z',
      '2027-03-16T06:30:00Z',
    ]);
    expect(cronTimes('30 1 * * *', '2027-11-06T12:00:00Z', 3, 'America/New_York')).toEqual([
      '2027-11-07T05:30:00Z',
      '2027-11-07T06:30:00Z',
      '2027-11-08T06:30:00Z',
    ]);
  });

  it('at a midnight that a zone skips do not come', () => {
    // In Cairo 2027-04-30 begins at 01:00.
    expect(cronTimes('0 0 * * *', '2027-04-28T12:00:00Z', 2, 'Africa/Cairo')).toEqual([
      '2027-04-28T22:00:00Z',
      '2027-04-30T21:00:00Z',
    ]);
  });
});
