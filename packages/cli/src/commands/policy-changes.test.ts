import { EMPTY_POLICY, type Policy } from '@longshore/snapshot';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../grammar/usage-error.ts';
import { changePolicy, POLICY_SETTING_FLAGS } from './policy-changes.ts';

type Scheduling = Policy['scheduling'];

function scheduled(
  given: Readonly<Record<string, string | readonly string[]>>,
  scheduling: Scheduling = {},
): Scheduling {
  const values = Object.entries(POLICY_SETTING_FLAGS).map(([name, flag]) => {
    const texts = given[name];
    return [name, flag.resolve(texts === undefined ? [] : [texts].flat())];
  });
  const flags = Object.fromEntries(values) as Parameters<typeof changePolicy>[1];
  return changePolicy({ ...EMPTY_POLICY, scheduling }, flags).policy.scheduling;
}

describe('what a policy inherits', () => {
  const { inherit, compression, 'metadata-compression': metadata } = POLICY_SETTING_FLAGS;

  it('is said by a value of its own, of which the last counts', () => {
    expect(inherit.isBoolean).toBe(false);
    expect(inherit.resolve(['true', 'false'])).toEqual([true, false]);
    expect(() => inherit.resolve(['maybe'])).toThrow(UsageError);
  });

  it('is no compression that nobody writes any more', () => {
    for (const each of [compression, metadata]) {
      expect(() => each.resolve(['lz4'])).toThrow('neither Kopia nor longshore writes it');
      expect(each.resolve(['zstd'])).toBe('zstd');
      expect(each.resolve(['inherit'])).toBe('inherit');
    }
    expect(() => POLICY_SETTING_FLAGS['ignore-cache-dirs'].resolve(['maybe'])).toThrow(
      'must be one of true, false, inherit',
    );
  });
});

describe('a schedule from flags', () => {
  it('has an interval in seconds, which 0 takes out', () => {
    expect(scheduled({ 'snapshot-interval': '1h30m' })).toEqual({ intervalSeconds: 5400 });
    expect(scheduled({ 'snapshot-interval': '0s' }, { intervalSeconds: 60 })).toEqual({});
    expect(() => scheduled({ 'snapshot-interval': '300ms' })).toThrow(UsageError);
    expect(() => scheduled({ 'snapshot-interval': '-1h' })).toThrow(UsageError);
  });

  it('has times of day in order, each once', () => {
    expect(scheduled({ 'snapshot-time': ['22:05, 7:5', '07:05'] })).toEqual({
      timeOfDay: [
        { hour: 7, min: 5 },
        { hour: 22, min: 5 },
      ],
    });
    const before = { timeOfDay: [{ hour: 1, min: 2 }] };
    expect(scheduled({ 'snapshot-time': 'inherit' }, before)).toEqual({});
    for (const wrong of ['24:00', '1:60', 'noon', '12']) {
      expect(() => scheduled({ 'snapshot-time': wrong })).toThrow(UsageError);
    }
  });

  it('has crontab expressions between semicolons, which inherit takes out', () => {
    const given = { 'snapshot-time-crontab': ' 0 5 * * *;; @daily # each night' };
    expect(scheduled(given)).toEqual({ cron: ['0 5 * * *', '@daily # each night'] });
    expect(scheduled({ 'snapshot-time-crontab': 'inherit' }, { cron: ['@daily'] })).toEqual({});
    for (const wrong of ['0 5 * *', '@daily; 0 17-9 * * *']) {
      expect(() => scheduled({ 'snapshot-time-crontab': wrong })).toThrow(UsageError);
    }
  });

  it.each([
    { 'snapshot-interval': '1h' },
    { 'snapshot-time': '1:00' },
    { 'snapshot-time-crontab': '@daily' },
    { 'run-missed': 'true' },
  ])('ends taking snapshots by hand only: %j', (given) => {
    expect(scheduled(given, { manual: true })).not.toHaveProperty('manual');
    expect(scheduled({ ...given, manual: 'false' }, { manual: true })).not.toHaveProperty('manual');
    expect(() => scheduled({ ...given, manual: 'true' })).toThrow(UsageError);
  });

  it('goes when snapshots are to be taken by hand only, all of it', () => {
    const scheduling = {
      intervalSeconds: 60,
      timeOfDay: [{ hour: 1, min: 2 }],
      cron: ['@daily'],
      runMissed: true,
    };
    expect(scheduled({ manual: 'true' }, scheduling)).toEqual({ manual: true });
    expect(scheduled({ manual: 'false' }, { manual: true })).toEqual({});
    expect(scheduled({ 'keep-latest': '3' }, { manual: true })).toEqual({ manual: true });
  });
});
