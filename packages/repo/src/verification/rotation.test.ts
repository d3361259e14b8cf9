import { array, assert, integer, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobID, type BlobMetadata } from '../blob/storage.ts';
import {
  coverageOf,
  newRotation,
  PARTITION_COUNT,
  partitionOf,
  planRotation,
  type RotationState,
} from './rotation.ts';

const DAY = 86_400;
const START = 1_700_000_000;

function blob(name: string, length: number, writtenAt: number): BlobMetadata {
  return { id: parseBlobID(name), length, timestamp: BigInt(writtenAt) * 1_000_000_000n };
}

/** What a run does to the state if it reads all that is planned. */
function afterReading(
  state: RotationState,
  blobs: readonly BlobMetadata[],
  now: number,
  within: number,
): RotationState {
  const readAt = [...state.readAt];
  for (const { partition, startedAt } of planRotation(state, blobs, now, {
    withinSeconds: within,
    budgetBytes: undefined,
  })) {
    readAt[partition] = startedAt;
  }
  return { ...state, readAt, lastRun: now, partial: undefined };
}

describe('a rotation', () => {
  it('spreads blobs evenly over its partitions', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 100_000; i++) {
      const partition = partitionOf(parseBlobID(`p${i.toString(16).padStart(32, '0')}-s1`));
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect(counts.size).toBe(PARTITION_COUNT);
    expect(Math.max(...counts.values())).toBeLessThan(80);
  });

  it('lets no byte wait longer than promised, whatever is written between runs at equal intervals', () => {
    const writes = array(nat(20), { minLength: 20, maxLength: 60 });
    const everyHours = integer({ min: 1, max: 60 });
    const days = integer({ min: 10, max: 40 });
    assert(
      property(writes, everyHours, days, (added, hours, promised) => {
        const within = promised * DAY;
        const blobs: BlobMetadata[] = [];
        let state = newRotation(START);
        let now = START;
        for (const count of added) {
          for (let i = 0; i < count; i++) blobs.push(blob(`p${blobs.length}`, 1 + i, now));
          now += hours * 3600;
          expect(coverageOf(state, blobs, now, within).overdueBytes).toBe(0);
          state = afterReading(state, blobs, now, within);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('reads about the same share of a large storage in every daily run', () => {
    const blobs = Array.from({ length: 20_000 }, (_, i) => blob(`p${i}`, 1000, START - DAY));
    let state = newRotation(START);
    const shares: number[] = [];
    for (let day = 1; day <= 45; day++) {
      const now = START + day * DAY;
      const goal = { withinSeconds: 30 * DAY, budgetBytes: undefined };
      const read = planRotation(state, blobs, now, goal).flatMap((planned) => planned.blobs);
      shares.push(read.length / blobs.length);
      state = afterReading(state, blobs, now, goal.withinSeconds);
    }
    expect(Math.max(...shares)).toBeLessThan(1.2 / 30);
    expect(Math.min(...shares)).toBeGreaterThan(0.9 / 30);
  });

  it('says how long the byte has waited that waits longest', () => {
    const old = blob('p1', 100, START - 400 * DAY);
    const state = newRotation(START);
    const before = coverageOf(state, [old], START, 30 * DAY);
    expect(before).toEqual({
      totalBytes: 100,
      totalBlobs: 1,
      coveredBytes: 0,
      overdueBytes: 0,
      oldestUnreadSeconds: 400 * DAY,
    });
    const readAt = state.readAt.map(() => START);
    const later = START + 31 * DAY;
    expect(coverageOf({ ...state, readAt }, [old], later, 30 * DAY)).toMatchObject({
      coveredBytes: 0,
      overdueBytes: 100,
      oldestUnreadSeconds: 31 * DAY,
    });
    expect(coverageOf({ ...state, readAt }, [old], START + DAY, 30 * DAY)).toMatchObject({
      coveredBytes: 100,
      overdueBytes: 0,
    });
  });
});
