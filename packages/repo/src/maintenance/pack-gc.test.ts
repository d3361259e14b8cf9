import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../blob/storage.ts';
import { selectShortPacks } from './content-rewrite.ts';
import { partitionLogs } from './log-cleanup.ts';
import { whyRetained } from './pack-gc.ts';
import { defaultMaintenanceParameters } from './parameters.ts';
import { SAFETY_PARAMETERS } from './safety.ts';

const SECOND = 1_000_000_000n;
const HOUR = 3600n * SECOND;
const START = 1_000_000n * HOUR;
const SESSION = 's0123456789abcdef147';
const { full, none } = SAFETY_PARAMETERS;

describe('a blob that nothing refers to', () => {
  const why = (
    age: bigint,
    { safety = full, checkpoint }: { safety?: typeof full; checkpoint?: bigint } = {},
  ): string | undefined => {
    const id = parseBlobID(`p${'0'.repeat(32)}-${SESSION}`);
    const sessions = new Map(
      checkpoint === undefined ? [] : [[SESSION, { checkpointTime: START - checkpoint }]],
    );
    return whyRetained({ id, timestamp: START - age }, sessions, START, safety);
  };

  it('stays until it is 24 hours old, a second of slack counted in', () => {
    expect(why(24n * HOUR - SECOND - 1n)).toBe('too-young');
    expect(why(24n * HOUR - SECOND)).toBeUndefined();
  });

  it('stays if it was written more than a second after maintenance began, whatever the safety', () => {
    expect(why(-SECOND - 1n, { safety: none })).toBe('written-meanwhile');
    expect(why(-SECOND - 1n)).toBe('written-meanwhile');
    expect(why(-SECOND, { safety: none })).toBeUndefined();
  });

  it('stays until the newest marker of its session is 96 hours old', () => {
    const age = 500n * HOUR;
    expect(why(age, { checkpoint: 96n * HOUR - SECOND - 1n })).toBe('live-session');
    expect(why(age, { checkpoint: 96n * HOUR - SECOND })).toBeUndefined();
    expect(why(age, { checkpoint: -5n * HOUR })).toBe('live-session');
    expect(why(age, { checkpoint: 0n, safety: none })).toBeUndefined();
  });

  it('needs no session in its name', () => {
    const id = parseBlobID('p0123');
    const sessions = new Map([[SESSION, { checkpointTime: START }]]);
    const blob = { id, timestamp: START - 25n * HOUR };
    expect(whyRetained(blob, sessions, START, full)).toBeUndefined();
  });
});

describe('short packs', () => {
  const totals = (
    sizes: Readonly<Record<string, number>>,
  ): ReadonlyMap<ReturnType<typeof parseBlobID>, number> =>
    new Map(Object.entries(sizes).map(([name, size]) => [parseBlobID(name), size]));
  const select = (sizes: Readonly<Record<string, number>>, ...letters: ('p' | 'q')[]): string[] => [
    ...selectShortPacks(totals(sizes), 1001, letters),
  ];

  it('hold less than 60 % of the pack size', () => {
    expect(select({ p1: 599, p2: 599, p3: 600, p4: 5000 }, 'p')).toEqual(['p1', 'p2']);
  });

  it('are left alone when there is only one of a kind', () => {
    expect(select({ p1: 1, q1: 1, q2: 900 }, 'p', 'q')).toEqual([]);
    expect(select({ p1: 1, p2: 1, q1: 1 }, 'p', 'q')).toEqual(['p1', 'p2']);
    expect(select({ p1: 1, p2: 1, q1: 1, q2: 2 }, 'q')).toEqual(['q1', 'q2']);
  });
});

describe('logs', () => {
  const log = (index: number, length = 10) => ({
    id: parseBlobID(`_log_${index}`),
    length,
    timestamp: START - BigInt(index) * HOUR,
  });
  const limits = { maxTotalSize: 0, maxCount: 0, maxAgeNanoseconds: 0n };
  const kept = (retention: Partial<typeof limits>): number =>
    partitionLogs([log(2), log(0), log(1), log(3)], { ...limits, ...retention }, START).retained
      .length;

  it('stay, newest first, up to a size, a count and an age, of which 0 is no limit', () => {
    expect(kept({})).toBe(4);
    expect(kept({ maxTotalSize: 30 })).toBe(3);
    expect(kept({ maxTotalSize: 29 })).toBe(2);
    expect(kept({ maxCount: 1 })).toBe(1);
    expect(kept({ maxAgeNanoseconds: 2n * HOUR })).toBe(3);
    expect(kept({ maxAgeNanoseconds: 2n * HOUR - 1n })).toBe(2);
  });

  it('go oldest first', () => {
    const { retained, expired } = partitionLogs(
      [log(5), log(1), log(9, 2 ** 31)],
      defaultMaintenanceParameters('').logRetention,
      START,
    );
    expect(retained.map(({ id }) => id)).toEqual(['_log_1', '_log_5']);
    expect(expired.map(({ id }) => id)).toEqual(['_log_9']);
  });
});
