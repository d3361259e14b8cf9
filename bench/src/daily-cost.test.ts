import { describe, expect, it } from 'vitest';
import { estimateCosts } from './daily-cost.ts';
import type { EstimateAnswer } from './runners/estimate.ts';

const nothing = { packs: 0, packBytes: 0, cpuSeconds: 0 };
const answer: EstimateAnswer = {
  first: {
    ...nothing,
    packs: 50,
    packBytes: 1e9,
    otherBlobs: 4,
    otherBytes: 1e6,
    requests: 80,
    seconds: 10,
    files: 1000,
    folders: 100,
    bytes: 2e9,
  },
  unchanged: {
    ...nothing,
    otherBlobs: 2,
    otherBytes: 2000,
    requests: 12,
    seconds: 1,
    files: 1000,
    folders: 100,
    bytes: 2e9,
  },
  changes: { days: 7, files: 70, bytes: 7e8 },
};

describe('what snapshots cost', () => {
  it('takes the first as it was', () => {
    expect(estimateCosts(answer).first).toEqual({
      readBytes: 2e9,
      storedBytes: 1.001e9,
      packs: 50,
      requests: 80,
      seconds: 10,
    });
  });

  it('adds the changes of an average day to a snapshot of nothing changed', () => {
    const { daily, changedBytes, changedFiles } = estimateCosts(answer);
    expect([changedBytes, changedFiles]).toEqual([1e8, 10]);
    expect(daily).toMatchObject({ readBytes: 1e8, packs: 3, requests: 15, seconds: 1.5 });
    // a twentieth of the packs, a tenth of the folders, and what nothing changed costs
    expect(daily.storedBytes).toBeCloseTo(5e7 + 1e5 + 2000);
  });

  it('takes a given share instead, and never more than there is', () => {
    expect(estimateCosts(answer, { changedPercent: 10 }).changedBytes).toBe(2e8);
    expect(estimateCosts(answer, { changedPercent: 0 }).daily).toMatchObject({
      readBytes: 0,
      packs: 0,
      seconds: 1,
    });
    const restless = { ...answer, changes: { days: 7, files: 9e9, bytes: 9e12 } };
    expect(estimateCosts(restless)).toMatchObject({ changedBytes: 2e9, changedFiles: 1000 });
  });

  it('waits for a storage that is slower than the machine, and for each request', () => {
    const storage = {
      puts: [{ packSize: 20 * 1024 ** 2, parallelism: 4, bytesPerSecond: 1e7 }],
      putSeconds: 0.1,
      getSeconds: 0.05,
      getBytesPerSecond: 1e7,
    };
    expect(estimateCosts(answer, { storage }).first.seconds).toBeCloseTo(100.1 + 3);
  });

  it('costs nothing to divide where there is nothing', () => {
    const empty = { ...answer, first: { ...answer.first, bytes: 0, files: 0 } };
    expect(estimateCosts(empty).daily.seconds).toBe(1);
  });
});
