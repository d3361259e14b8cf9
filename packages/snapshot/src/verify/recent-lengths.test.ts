import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecentLengths } from './recent-lengths.ts';

it('remembers what was set last, whatever kind of ID it is', () => {
  const ids = ['00ff', 'k00ff', 'Z00ff', 'Ix00ff', 'IIx00ff', 'm00ff', 'Zk00ff'];
  const lengths = new RecentLengths(10);
  expect(lengths.get('00ff')).toBeUndefined();
  for (const [index, id] of ids.entries()) lengths.set(id, index);
  lengths.set('00ff', 2 ** 52);
  expect(ids.map((id) => lengths.get(id))).toEqual([2 ** 52, 1, 2, 3, 4, 5, 6]);
  expect(lengths.get('00fe')).toBeUndefined();
});

it('remembers nothing of another length', () => {
  const lengths = new RecentLengths(10);
  lengths.set('00ff', 1);
  lengths.set('0000ff', 2);
  expect([lengths.get('00ff'), lengths.get('0000ff')]).toEqual([1, undefined]);
});

it('forgets the oldest beyond its limit, as a map would', () => {
  const id = fc.nat({ max: 40 }).map((number) => (0x1234 * number).toString(16).padStart(6, '0'));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.tuple(id, fc.nat()), { maxLength: 200 }),
      (limit, sets) => {
        const lengths = new RecentLengths(limit);
        const map = new Map<string, number>();
        for (const [key, value] of sets) {
          expect(lengths.get(key)).toBe(map.get(key));
          lengths.set(key, value);
          map.set(key, value);
          if (map.size > limit) map.delete([...map.keys()][0]!);
        }
        for (const [key, value] of map) expect(lengths.get(key)).toBe(value);
      },
    ),
    { numRuns: 300 },
  );
});

it('grows to its limit and goes around beyond it', () => {
  const lengths = new RecentLengths(5000);
  const id = (index: number): string => `k${index.toString(16).padStart(32, '0')}`;
  for (let i = 0; i < 12_000; i++) lengths.set(id(i), i);
  for (let i = 0; i < 12_000; i++) expect(lengths.get(id(i))).toBe(i < 7000 ? undefined : i);
});
