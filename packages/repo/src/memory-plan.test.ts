import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { mostWorkers, planMemory } from './memory-plan.ts';

/** Slots and packs of the default format. */
const DEFAULT_FORMAT = { slotSize: 9 * 1024 ** 2, packSize: 20 * 1024 ** 2 };

it('uses all processors where nobody limits it', () => {
  const plan = planMemory({ ...DEFAULT_FORMAT, limit: undefined, workers: 16 });
  expect(plan).toMatchObject({ workers: 16, slots: 35, parallelUploads: 2, packBuffers: 4 });
});

it('writes the default format with two threads below 410 MB, and below 250 MB where it must', () => {
  const demand = { ...DEFAULT_FORMAT, workers: 2 };
  expect(planMemory({ ...demand, limit: undefined }).peakBytes).toBeLessThan(410e6);
  expect(planMemory({ ...demand, limit: 400e6 })).toMatchObject({ workers: 2 });
  expect(planMemory({ ...demand, limit: 250e6 }).peakBytes).toBeLessThanOrEqual(250e6);
});

it('stays below every limit that can be met, with more threads the higher it is', () => {
  const sizes = fc.record({
    slotSize: fc.integer({ min: 2 ** 21, max: 2 ** 25 }),
    packSize: fc.integer({ min: 2 ** 20, max: 2 ** 27 }),
    workers: fc.integer({ min: 1, max: 16 }),
  });
  const limits = fc.tuple(fc.integer({ min: 1, max: 2e9 }), fc.integer({ min: 1, max: 2e9 }));
  fc.assert(
    fc.property(sizes, limits, (demand, given) => {
      const [low, high] = given.toSorted((a, b) => a - b) as [number, number];
      const least = planMemory({ ...demand, limit: 1 }).peakBytes;
      const [lowPlan, highPlan] = [low, high].map((limit) => planMemory({ ...demand, limit }));
      expect(lowPlan!.peakBytes).toBeLessThanOrEqual(Math.max(low, least));
      expect(highPlan!.workers).toBeGreaterThanOrEqual(lowPlan!.workers);
      expect(lowPlan!.workers).toBeLessThanOrEqual(mostWorkers(low, demand.workers));
      // A slot each for what is hashed, what is read and what is on its way, and buffers for both kinds of pack.
      expect(lowPlan!.slots).toBeGreaterThanOrEqual(3);
      expect(lowPlan!.packBuffers).toBeGreaterThanOrEqual(2);
      expect(lowPlan!.readBytes).toBeGreaterThanOrEqual(3 * demand.slotSize);
    }),
  );
});

it.each([0, -1, Number.NaN])('refuses a limit of %d', (limit) => {
  expect(() => planMemory({ ...DEFAULT_FORMAT, limit, workers: 1 })).toThrow(
    `a memory limit of ${limit}`,
  );
});
