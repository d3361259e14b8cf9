import { parseGoTime } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import { goldenRepositories } from '../../../test/golden.ts';
import { timeZoneOffset, UTC, type UTCOffset } from './civil-time.ts';
import { parsePolicy } from './policy/policy-json.ts';
import { mergePolicies } from './policy/policy-merge.ts';
import type { RetentionPolicy } from './policy/policy.ts';
import { expiredSnapshots, retentionReasons, type RetentionCandidate } from './retention.ts';
import { GLOBAL_SOURCE, type SourceInfo } from './source-info.ts';

/** Snapshots by the text of their start; `?` in front makes one incomplete. */
function snapshotsAt(...starts: readonly string[]): readonly RetentionCandidate[] {
  return starts.map((start) => {
    const time = parseGoTime(start.replace('?', ''), 'test');
    const incomplete = start.startsWith('?') ? 'checkpoint' : undefined;
    return { startTime: time, endTime: time + 1n, incomplete, pins: [] };
  });
}

function reasonsAt(
  policy: RetentionPolicy,
  starts: readonly string[],
  localTime: UTCOffset = UTC,
): readonly string[] {
  return retentionReasons(snapshotsAt(...starts), policy, localTime).map((list) => list.join(' '));
}

describe('retention', () => {
  it('gives each snapshot its reasons, in the order given', () => {
    const policy = { keepLatest: 2, keepDaily: 2, keepMonthly: 2, keepAnnual: 1 };
    expect(
      reasonsAt(policy, [
        '2026-03-10T08:00:00Z',
        '2026-03-12T09:00:00Z',
        '2026-03-11T08:00:00Z',
        '2026-03-12T08:00:00Z',
        '2026-02-20T08:00:00Z',
      ]),
    ).toEqual(['', 'latest-1 daily-1 monthly-1 annual-1', 'daily-2', 'latest-2', 'monthly-2']);
  });

  it('keeps everything if all limits are zero or not set', () => {
    const starts = ['2020-01-01T00:00:00Z', '2026-01-01T00:00:00Z'];
    expect(reasonsAt({}, starts)).toEqual(['latest-2', 'latest-1']);
    expect(reasonsAt({ keepLatest: 0, keepDaily: 0 }, starts)).toEqual(['latest-2', 'latest-1']);
    expect(reasonsAt({ keepLatest: 0, keepDaily: 1 }, starts)).toEqual(['', 'daily-1']);
  });

  it('counts only periods that are not too old for the newest complete snapshot', () => {
    const starts = ['2026-03-12T09:00:00Z', '2026-03-10T09:00:00Z', '2026-03-10T08:59:59Z'];
    expect(reasonsAt({ keepHourly: 48 }, starts)).toEqual(['hourly-1', 'hourly-2', '']);
    expect(reasonsAt({ keepHourly: 48 }, ['?2026-03-15T00:00:00Z', ...starts])).toEqual([
      'incomplete',
      'hourly-1',
      'hourly-2',
      '',
    ]);
  });

  it('gives a week and a month of the same number to whichever comes first', () => {
    const policy = { keepWeekly: 100, keepMonthly: 24 };
    expect(reasonsAt(policy, ['2026-11-20T00:00:00Z', '2026-03-12T00:00:00Z'])).toEqual([
      'weekly-1 monthly-1',
      'monthly-2',
    ]);
  });

  it('counts weeks in local time and everything else in UTC', () => {
    const starts = ['2026-03-16T12:00:00Z', '2026-03-15T23:30:00Z'];
    const policy = { keepWeekly: 4, keepDaily: 4 };
    expect(reasonsAt(policy, starts)).toEqual(['daily-1 weekly-1', 'daily-2 weekly-2']);
    expect(reasonsAt(policy, starts, timeZoneOffset('Europe/Berlin'))).toEqual([
      'daily-1 weekly-1',
      'daily-2',
    ]);
  });

  it('takes a month before 31 March for 3 March', () => {
    const starts = ['2026-03-31T12:00:00Z', '2026-03-03T12:00:00Z', '2026-02-28T12:00:00Z'];
    expect(reasonsAt({ keepMonthly: 1, keepDaily: 90 }, starts)).toEqual([
      'daily-1 monthly-1',
      'daily-2',
      'daily-3',
    ]);
    expect(reasonsAt({ keepMonthly: 2 }, ['2026-05-01T00:00:00Z', starts[2]!])).toEqual([
      'monthly-1',
      '',
    ]);
    expect(reasonsAt({ keepMonthly: 1 }, [starts[0]!, '2026-02-28T23:59:59Z'])).toEqual([
      'monthly-1',
      '',
    ]);
  });

  it('keeps incomplete snapshots before the first complete one while they are young or few', () => {
    const policy = { keepLatest: 1 };
    const starts = [
      '?2026-03-12T12:00:00Z',
      '?2026-03-12T11:00:00Z',
      '?2026-03-12T10:00:00Z',
      '?2026-03-12T08:00:01Z',
      '?2026-03-12T08:00:00Z',
      '?2026-03-12T07:59:59Z',
      '2026-03-12T06:00:00Z',
      '?2026-03-12T05:00:00Z',
    ];
    const keep = 'incomplete';
    expect(reasonsAt(policy, starts)).toEqual([keep, keep, keep, keep, '', '', 'latest-1', '']);
    const old = ['?2026-03-12T12:00:00Z', '?2026-01-02T00:00:00Z', '?2026-01-01T00:00:00Z'];
    expect(reasonsAt(policy, old)).toEqual([keep, keep, keep]);
  });

  it('counts positions over all snapshots, but limits over complete ones', () => {
    const starts = ['?2026-03-12T12:00:00Z', '2026-03-11T12:00:00Z', '2026-03-10T12:00:00Z'];
    expect(reasonsAt({ keepLatest: 1 }, starts)).toEqual(['incomplete', 'latest-1', '']);
  });

  it('of nothing is nothing', () => {
    expect(retentionReasons([], { keepLatest: 1 }, UTC)).toEqual([]);
  });

  it('stands limits beyond all time', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    const policy = { keepHourly: huge, keepWeekly: huge, keepMonthly: huge, keepAnnual: huge };
    expect(
      reasonsAt(
        policy,
        ['2026-03-12T12:00:00Z', '1980-06-01T00:00:00Z'],
        timeZoneOffset('Asia/Tokyo'),
      ),
    ).toEqual(['hourly-1 weekly-1 monthly-1 annual-1', 'hourly-2 weekly-2 monthly-2 annual-2']);
  });
});

describe('expired snapshots', () => {
  it('have no reason and no pin', () => {
    const [newest, pinned, old] = snapshotsAt(
      '2026-03-12T12:00:00Z',
      '2026-03-11T12:00:00Z',
      '2026-03-10T12:00:00Z',
    );
    const snapshots = [old!, { ...pinned!, pins: ['keep'] }, newest!];
    expect(expiredSnapshots(snapshots, { keepLatest: 1 }, UTC)).toEqual([old]);
  });
});

interface ShownSnapshot {
  readonly source: SourceInfo;
  readonly startTime: string;
  readonly endTime: string;
  readonly pins?: readonly string[];
  readonly retentionReason?: readonly string[];
}

const golden = goldenRepositories();

describe.skipIf(golden.length === 0).each(golden)('retention of $name', ({ expected }) => {
  it('gives the reasons that Kopia shows', () => {
    const shown = expected.snapshots as unknown as readonly ShownSnapshot[];
    const globalPolicy = expected.policies.find(({ target }) => (target as SourceInfo).host === '');
    const { policy } = mergePolicies([
      { target: GLOBAL_SOURCE, policy: parsePolicy(globalPolicy, 'test') },
    ]);
    for (const [, ofSource] of Map.groupBy(shown, ({ source }) => JSON.stringify(source))) {
      const candidates = ofSource.map(({ startTime, endTime, pins = [] }) => ({
        startTime: parseGoTime(startTime, 'test'),
        endTime: parseGoTime(endTime, 'test'),
        pins,
      }));
      expect(retentionReasons(candidates, policy.retention, UTC)).toEqual(
        ofSource.map(({ retentionReason = [] }) => retentionReason),
      );
    }
    expect(shown.length).toBeGreaterThan(0);
  });
});
