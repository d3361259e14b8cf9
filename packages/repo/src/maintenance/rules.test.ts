import { describe, expect, it } from 'vitest';
import { blobDeletionAllowedFrom, isLatestRewriteFull, mayRewrite, safeDropTime } from './rules.ts';
import { SAFETY_PARAMETERS } from './safety.ts';
import type { MaintenanceRun } from './schedule.ts';
import type { MaintenanceTask } from './tasks.ts';

const HOUR = 3_600_000_000_000n;
const { full, none } = SAFETY_PARAMETERS;

type Runs = Partial<
  Record<MaintenanceTask, readonly (readonly [start: bigint, end: bigint] | 'failed')[]>
>;

function schedule(runs: Runs): { runs: ReadonlyMap<string, readonly MaintenanceRun[]> } {
  const lists = Object.entries(runs).map(([task, list]): [string, readonly MaintenanceRun[]] => [
    task,
    list.map((run) =>
      run === 'failed'
        ? { start: 999n * HOUR, end: 999n * HOUR, success: false, error: 'no', extra: [] }
        : { start: run[0], end: run[1], success: true, error: '', extra: [] },
    ),
  ]);
  return { runs: new Map(lists) };
}

describe('contents may be rewritten', () => {
  it.each<readonly [string, Runs, 'quick' | 'full', boolean]>([
    ['at first', {}, 'full', true],
    ['after failures only', { 'full-rewrite-contents': ['failed'] }, 'full', true],
    [
      'after a deletion',
      { 'full-rewrite-contents': [[1n, 2n]], 'quick-delete-blobs': [[3n, 4n]] },
      'full',
      true,
    ],
    [
      'after a deletion that ended with it',
      { 'full-rewrite-contents': [[1n, 2n]], 'full-delete-blobs': [[1n, 2n]] },
      'full',
      true,
    ],
    [
      'but not before one',
      { 'full-rewrite-contents': [[1n, 2n]], 'full-delete-blobs': [[0n, 1n]] },
      'full',
      false,
    ],
    [
      'but not when the deletion failed',
      { 'full-rewrite-contents': [[1n, 2n]], 'full-delete-blobs': ['failed'] },
      'full',
      false,
    ],
    ['in full after a quick rewrite', { 'quick-rewrite-contents': [[1n, 2n]] }, 'full', true],
    [
      'but not quickly after a quick rewrite',
      { 'quick-rewrite-contents': [[1n, 2n]] },
      'quick',
      false,
    ],
    [
      'but not quickly after a full rewrite',
      { 'full-rewrite-contents': [[1n, 2n]] },
      'quick',
      false,
    ],
  ])('%s', (_, runs, mode, allowed) => {
    expect(mayRewrite(schedule(runs), mode, full)).toBe(allowed);
    expect(mayRewrite(schedule(runs), mode, none)).toBe(true);
  });
});

describe('packs may be deleted', () => {
  it('at once if nothing was ever rewritten, else an hour after the last rewrite', () => {
    expect(blobDeletionAllowedFrom(schedule({}), full)).toBeUndefined();
    const rewritten = schedule({
      'full-rewrite-contents': [[5n, 6n]],
      'quick-rewrite-contents': [
        [7n, 9n],
        [1n, 2n],
      ],
    });
    expect(blobDeletionAllowedFrom(rewritten, full)).toBe(9n + HOUR);
    expect(blobDeletionAllowedFrom(rewritten, none)).toBe(9n);
  });

  it('not within an hour after a rewrite that failed, which has emptied packs as well', () => {
    const failed = schedule({ 'full-rewrite-contents': [[5n, 6n], 'failed'] });
    expect(blobDeletionAllowedFrom(failed, full)).toBe(1000n * HOUR);
  });

  it('of all kinds if the last rewrite was a full one', () => {
    expect(isLatestRewriteFull(schedule({}))).toBe(true);
    expect(isLatestRewriteFull(schedule({ 'full-rewrite-contents': [[1n, 5n]] }))).toBe(true);
    const quick = {
      'full-rewrite-contents': [[1n, 5n]],
      'quick-rewrite-contents': [[6n, 7n]],
    } as const;
    expect(isLatestRewriteFull(schedule(quick))).toBe(false);
  });
});

describe('deleted contents leave the index', () => {
  const now = 500n * HOUR;
  const drop = (...runs: NonNullable<Runs['snapshot-gc']>): bigint | undefined =>
    safeDropTime(schedule({ 'snapshot-gc': runs }), full, now);

  it('not before there were two collections', () => {
    expect(safeDropTime(schedule({}), full, now)).toBeUndefined();
    expect(drop([10n * HOUR, 11n * HOUR])).toBeUndefined();
    expect(drop([10n * HOUR, 11n * HOUR], 'failed')).toBeUndefined();
  });

  it('if more than four hours lie between the end of one and the start of the other', () => {
    const latest = 20n * HOUR;
    const early = (end: bigint): readonly [bigint, bigint] => [end - HOUR, end];
    expect(drop([latest, latest], early(latest - 4n * HOUR))).toBeUndefined();
    expect(drop([latest, latest], early(latest - 4n * HOUR - 1n))).toBe(latest - 6n * HOUR - 1n);
  });

  it('counted from the newest collection that is old enough', () => {
    const runs = [
      [30n * HOUR, 30n * HOUR],
      [27n * HOUR, 28n * HOUR],
      [20n * HOUR, 21n * HOUR],
      [10n * HOUR, 11n * HOUR],
    ] as const;
    expect(drop(...runs)).toBe(19n * HOUR);
    expect(drop(...runs.toReversed())).toBe(19n * HOUR);
  });

  it('not on the word of records from the future', () => {
    expect(drop([now + 9n * HOUR, now + 9n * HOUR], [now - HOUR, now - HOUR])).toBeUndefined();
    expect(drop([now - HOUR, now + 1n], [10n * HOUR, 11n * HOUR])).toBeUndefined();
  });

  it('at once without safety', () => {
    expect(safeDropTime(schedule({}), none, now)).toBe(now);
  });
});
