import { describe, expect, it } from 'vitest';
import { parseBlobID, type BlobMetadata } from '../blob/storage.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { findCompleteSet, parseBlobSet, parseEpochRange, parseWatermark } from './epoch-names.ts';
import {
  cleanupCutoff,
  epochToCompact,
  markersToDelete,
  rangesToMerge,
  rangeToCompact,
  shouldAdvance,
  watermarksToDelete,
} from './epoch-plans.ts';
import { supersededBlobs } from './replaced-blobs.ts';
import {
  createEpochSnapshot,
  findRangeChain,
  selectActive,
  type EpochSnapshot,
} from './epoch-snapshot.ts';

const superseded = (state: EpochSnapshot, cutoff: bigint): readonly BlobMetadata[] =>
  supersededBlobs(state, cutoff).map(({ blob: { id, length, timestamp } }) => ({
    id,
    length,
    timestamp,
  }));

const HOUR = 3_600_000_000_000n;

const PARAMETERS: EpochParameters = {
  enabled: true,
  epochRefreshFrequency: HOUR / 3n,
  fullCheckpointFrequency: 7,
  cleanupSafetyMargin: 4n * HOUR,
  minEpochDuration: 24n * HOUR,
  epochAdvanceOnCountThreshold: 3,
  epochAdvanceOnTotalSizeBytesThreshold: 1000,
  deleteParallelism: 4,
};

function blob(name: string, timestamp = 0n, length = 100): BlobMetadata {
  return { id: parseBlobID(name), timestamp, length };
}

function snapshot(...blobs: readonly (string | BlobMetadata)[]): EpochSnapshot {
  return createEpochSnapshot(blobs.map((item) => (typeof item === 'string' ? blob(item) : item)));
}

function ids(blobs: readonly BlobMetadata[]): readonly string[] {
  return blobs.map(({ id }) => id);
}

function active(state: EpochSnapshot): {
  readonly ids: string[];
  readonly list: readonly number[];
} {
  const { blobs, epochsToList } = selectActive(state);
  return { ids: blobs.map(({ id }) => id), list: epochsToList };
}

describe('complete sets', () => {
  it.each([
    [
      ['a-s1-c2', 'b-s1-c2'],
      ['a-s1-c2', 'b-s1-c2'],
    ],
    [['a-s1-c2'], undefined],
    [['a-s1-c2', 'b-s2-c1'], ['b-s2-c1']],
    [
      ['a-s1-c2', 'b-s2-c2', 'c-s2-c2', 'd-s1-c2'],
      ['b-s2-c2', 'c-s2-c2'],
    ],
    [['a-s1-c0'], undefined],
    [['lone'], ['lone']],
    [['a-x1-c2'], ['a-x1-c2']],
    [['a-s1-x2'], ['a-s1-x2']],
    [[], undefined],
  ])('of %j are %j', (names, expected) => {
    expect(findCompleteSet(names.map((name) => blob(name)))?.map(({ id }) => id)).toEqual(expected);
  });

  it('have a grammar that ignores what is behind it', () => {
    expect(parseBlobSet(parseBlobID('xs1_ff-s12-c34'))).toEqual({ setID: 's12', size: 34 });
    expect(parseBlobSet(parseBlobID('xs1_ff-s12-c34-more'))).toEqual({ setID: 's12', size: 34 });
    expect(parseBlobSet(parseBlobID('xs1_ff-s12-c3x'))).toBeUndefined();
    expect(parseBlobSet(parseBlobID('xs1_ff-s12'))).toBeUndefined();
  });
});

describe('names', () => {
  it('that are malformed say nothing', () => {
    expect(parseEpochRange(parseBlobID('xr1_x_ff'))).toBeUndefined();
    expect(parseEpochRange(parseBlobID('xr1_2'))).toBeUndefined();
    expect(parseWatermark(parseBlobID('xw'))).toBeUndefined();
    expect(parseWatermark(parseBlobID('xw12a'))).toBeUndefined();
    expect(parseWatermark(parseBlobID('xw99999999999999999999'))).toBeUndefined();
    expect(parseWatermark(parseBlobID('xw12'))).toBe(12);
  });
});

const chainOf = (...ranges: readonly string[]): string => {
  const sets = ranges.map((range) => {
    const [first, last] = range.split('-').map(Number);
    return { first: first!, last: last!, blobs: [] };
  });
  return findRangeChain(sets)
    .map(({ first, last }) => `${first}-${last}`)
    .join(' ');
};

describe('the chain of ranges', () => {
  it.each([
    [[], ''],
    [['0-7'], '0-7'],
    [['1-7'], ''],
    [['0-7', '8-15'], '0-7 8-15'],
    [['8-15', '0-7'], '0-7 8-15'],
    [['0-7', '9-15'], '0-7'],
    [['0-7', '7-15'], '0-7'],
    [['0-7', '8-15', '0-15'], '0-15'],
    [['0-7', '8-9', '0-8'], '0-7 8-9'],
    [['0-3', '4-7', '8-9', '0-7'], '0-7 8-9'],
    [['0-0'], ''],
    [['0-0', '1-7'], '0-0 1-7'],
    [['0-9', '0-20', '10-15'], '0-20'],
  ])('of %j is "%s"', (ranges, expected) => {
    expect(chainOf(...ranges)).toBe(expected);
  });
});

describe('the active set', () => {
  it('of an empty repository is empty and writes go to epoch 0', () => {
    const state = snapshot();
    expect(state.writeEpoch).toBe(0);
    expect(state.deletionWatermarkSeconds).toBeUndefined();
    expect(active(state)).toEqual({ ids: [], list: [] });
  });

  it('takes every blob of the open epochs, whether its set is complete or not', () => {
    const names = ['xn0_a-s1-c2', 'xn1_b-s2-c1', 'xn2_c-s3-c9'];
    expect(active(snapshot('xe1', ...names))).toEqual({ ids: names, list: [] });
  });

  it('takes the merged set of a settled epoch only if it is complete', () => {
    expect(active(snapshot('xe2', 'xs0_a-s1-c1'))).toEqual({ ids: ['xs0_a-s1-c1'], list: [] });
    expect(active(snapshot('xe2', 'xs0_a-s1-c2'))).toEqual({ ids: [], list: [0] });
    expect(active(snapshot('xe3', 'xs1_a-s1-c1'))).toEqual({ ids: ['xs1_a-s1-c1'], list: [0] });
  });

  it('ignores the merged set of an epoch that is not settled', () => {
    const state = snapshot('xe1', 'xs0_a-s1-c1', 'xn0_b-s1-c1');
    expect(active(state)).toEqual({ ids: ['xn0_b-s1-c1'], list: [] });
  });

  it('takes ranges instead of the epochs that they cover', () => {
    const state = snapshot(
      'xe9',
      'xe10',
      'xr0_7_a-s1-c2',
      'xr0_7_b-s1-c2',
      'xs7_c-s1-c1',
      'xs8_d-s1-c1',
      'xn9_e-s1-c1',
    );
    expect(active(state)).toEqual({
      ids: ['xr0_7_a-s1-c2', 'xr0_7_b-s1-c2', 'xs8_d-s1-c1', 'xn9_e-s1-c1'],
      list: [],
    });
  });

  it('ignores a lone range 0..0, and loses no epoch when other ranges follow one', () => {
    expect(active(snapshot('xe2', 'xr0_0_a-s1-c1'))).toEqual({ ids: [], list: [0] });
    const state = snapshot('xe8', 'xr0_0_a-s1-c1', 'xr1_6_b-s1-c1', 'xs0_c-s1-c1');
    expect(active(state)).toEqual({ ids: ['xs0_c-s1-c1', 'xr1_6_b-s1-c1'], list: [] });
  });

  it('takes the greatest watermark and ignores malformed ones', () => {
    expect(snapshot('xw5', 'xw30', 'xw7', 'xwx').deletionWatermarkSeconds).toBe(30);
  });

  it('refuses an epoch beyond belief instead of counting up to it', () => {
    expect(() => snapshot('xe99999999999')).toThrow(/beyond epoch/);
  });
});

const blobsOver = (count: number, hours: bigint, length: number): BlobMetadata[] =>
  Array.from({ length: count }, (_, n) =>
    blob(`xn0_${n}-s1-c1`, n === 0 ? 0n : hours * HOUR, length),
  );

describe('an epoch is advanced', () => {
  it.each([
    ['long and many', blobsOver(3, 24n, 1), true],
    ['long and large', blobsOver(2, 24n, 500), true],
    ['long, but few and small', blobsOver(2, 24n, 499), false],
    ['many, but short', blobsOver(9, 23n, 500), false],
    ['empty', [], false],
  ])('if it is %s: %#', (_what, list, expected) => {
    expect(shouldAdvance(snapshot(...list), PARAMETERS)).toBe(expected);
  });
});

describe('compaction', () => {
  it.each([
    [['xe1'], undefined],
    [['xe2'], 0],
    [['xe2', 'xs0_a-s1-c1'], undefined],
    [['xe5', 'xs0_a-s1-c1', 'xs1_a-s1-c1', 'xs3_a-s1-c1'], 2],
    [['xe5', 'xs0_a-s1-c2'], 0],
    [['xe12', 'xr0_7_a-s1-c1', 'xs8_a-s1-c1'], 9],
    [['xe9', 'xr0_7_a-s1-c1'], undefined],
  ])('of one epoch, given %j, takes %s', (names, epoch) => {
    expect(epochToCompact(snapshot(...names))).toBe(epoch);
  });

  it.each([
    [['xe8'], undefined],
    [['xe9'], { first: 0, last: 7 }],
    [['xe16', 'xr0_7_a-s1-c1'], undefined],
    [['xe17', 'xr0_7_a-s1-c1'], { first: 8, last: 15 }],
    [['xe20', 'xr0_7_a-s1-c2'], { first: 0, last: 18 }],
  ])('of a range, given %j, takes %j', (names, range) => {
    expect(rangeToCompact(snapshot(...names), PARAMETERS)).toEqual(range);
  });
});

describe('clean-up', () => {
  it('has no cut-off without blobs in the open epochs', () => {
    expect(cleanupCutoff(snapshot('xe4'), PARAMETERS)).toBeUndefined();
    const state = snapshot('xe4', blob('xn3_a-s1-c1', 9n * HOUR), blob('xn4_a-s1-c1', 7n * HOUR));
    expect(cleanupCutoff(state, PARAMETERS)).toBe(5n * HOUR);
  });

  it('deletes markers that are older than the one before the write epoch', () => {
    expect(ids(markersToDelete(snapshot('xe1', 'xe2', 'xe3', 'xe4')))).toEqual(['xe1', 'xe2']);
  });

  it('deletes watermarks that are replaced and old', () => {
    const state = snapshot(blob('xw1', 1n), blob('xw2', 9n), blob('xw3', 1n), blob('xwx', 1n));
    expect(ids(watermarksToDelete(state, 5n))).toEqual(['xw1']);
    expect(watermarksToDelete(state, 1n)).toEqual([]);
  });

  it('deletes what was merged once the whole merged set is older than the cut-off', () => {
    const state = snapshot(
      'xe9',
      blob('xs0_a-s1-c2', 1n),
      blob('xs0_b-s1-c2', 9n),
      blob('xs1_a-s1-c1', 1n),
      blob('xs2_a-s1-c2', 1n),
      blob('xs8_a-s1-c1', 1n),
      ...[0, 1, 2, 8].map((epoch) => blob(`xn${epoch}_a-s1-c1`, 8n)),
    );
    const deletedBefore = (cutoff: bigint): readonly string[] =>
      ids(superseded(state, cutoff)).map((id) => id.slice(0, 3));
    expect(deletedBefore(5n)).toEqual(['xn1']);
    expect(deletedBefore(10n)).toEqual(['xn0', 'xn1']);
    expect(deletedBefore(9n)).toEqual(['xn1']);
  });

  it('deletes what a range of the chain covers, what was written before the sets', () => {
    const state = snapshot(
      'xe9',
      blob('xr0_1_a-s1-c1', 1n),
      blob('xr0_3_a-s1-c2', 4n),
      blob('xr0_3_b-s1-c2', 5n),
      blob('xr4_5_a-s1-c1', 9n),
      blob('xs0_a-s1-c1', 1n),
      // Of a set that somebody is writing, and of one that nobody finished.
      blob('xs1_a-s1-c2', 9n),
      blob('xs2_a-s1-c2', 1n),
      blob('xs4_a-s1-c1', 1n),
      blob('xs6_a-s1-c1', 1n),
      blob('xn3_a-s1-c1', 1n),
      blob('xn5_a-s1-c1', 1n),
      blob('xn6_a-s1-c1', 1n),
    );
    expect(ids(superseded(state, 6n))).toEqual([
      'xn3_a-s1-c1',
      'xn6_a-s1-c1',
      'xs0_a-s1-c1',
      'xs2_a-s1-c2',
      'xr0_1_a-s1-c1',
    ]);
    expect(ids(superseded(state, 5n))).toEqual(['xn6_a-s1-c1']);
  });

  it('deletes nothing for a range of one epoch, which Kopia does not read', () => {
    const state = snapshot(
      'xe9',
      blob('xr0_0_a-s1-c1', 1n),
      blob('xr1_3_a-s1-c1', 1n),
      blob('xr4_4_a-s1-c1', 1n),
      ...[0, 1, 4].map((epoch) => blob(`xs${epoch}_a-s1-c1`, 1n)),
    );
    expect(ids(superseded(state, 5n))).toEqual(['xs1_a-s1-c1']);
  });

  it('merges ranges once there are eight of a magnitude at the end of the chain', () => {
    const chain = (...spans: readonly number[]): EpochSnapshot => {
      let first = 0;
      const names = spans.map((span) => {
        const name = `xr${first}_${first + span - 1}_a-s1-c1`;
        first += span;
        return name;
      });
      return snapshot(`xe${first + 2}`, ...names);
    };
    const merged = (...spans: readonly number[]): readonly number[] | undefined =>
      rangesToMerge(chain(...spans), PARAMETERS)?.map(({ first, last }) => last - first + 1);
    const eights = Array.from({ length: 8 }, () => 8);
    expect(merged()).toBeUndefined();
    expect(merged(...eights.slice(1))).toBeUndefined();
    expect(merged(...eights)).toEqual(eights);
    expect(merged(64, ...eights)).toEqual(eights);
    expect(merged(64, ...eights.slice(1))).toBeUndefined();
    // A longer one in between ends what is merged, until it is of a magnitude with its neighbours.
    expect(merged(...eights.slice(4), 64, ...eights.slice(4))).toBeUndefined();
    const sixtyFours = eights.map((span) => span * 8);
    expect(merged(512, ...sixtyFours, 8, 8)).toEqual([...sixtyFours, 8, 8]);
  });

  it('keeps the chain of ranges short for as long as a repository lives', () => {
    let chain: number[] = [];
    let written = 0;
    let most = 0;
    const ranges = 5000;
    for (let range = 0; range < ranges; range++) {
      chain.push(8);
      written += 8;
      for (;;) {
        let first = 0;
        const names = chain.map((span) => `xr${first}_${(first += span) - 1}_a-s1-c1`);
        const merged = rangesToMerge(snapshot(`xe${first + 1}`, ...names), PARAMETERS);
        if (merged === undefined) break;
        const span = merged.at(-1)!.last - merged[0]!.first + 1;
        chain = [...chain.slice(0, -merged.length), span];
        written += span;
      }
      most = Math.max(most, chain.length);
    }
    expect(chain.reduce((sum, span) => sum + span, 0)).toBe(8 * ranges);
    expect(most).toBeLessThanOrEqual(35);
    expect(written).toBeLessThan(6 * 8 * ranges);
  });
});
