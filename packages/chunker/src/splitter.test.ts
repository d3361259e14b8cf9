import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSplitterKernels, PLAIN_KERNELS, type SplitterKernels } from './kernels.ts';
import { findSplitPoints } from './split-points.ts';
import { createSplitter, isSplitterName, type SplitterName, SPLITTER_NAMES } from './splitter.ts';

const KIB = 1024;

let wasm: SplitterKernels;
beforeAll(async () => {
  wasm = await loadSplitterKernels();
});

function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

describe('names', () => {
  it('are the 23 of Kopia', () => {
    const sizes = ['128K', '256K', '512K', '1M', '2M', '4M', '8M'];
    const expected = sizes.flatMap((size) => [
      `DYNAMIC-${size}-BUZHASH`,
      `DYNAMIC-${size}-RABINKARP`,
      `FIXED-${size}`,
    ]);
    expect(SPLITTER_NAMES).toEqual(['DYNAMIC', 'FIXED', ...expected].sort());
  });

  it('are recognised exactly', () => {
    expect(SPLITTER_NAMES.every(isSplitterName)).toBe(true);
    for (const name of ['', 'fixed', 'FIXED-3M', 'DYNAMIC-4M', 'toString']) {
      expect(isSplitterName(name)).toBe(false);
    }
  });

  it('that are unknown are refused with the list of the known', () => {
    const unknown = 'FIXED-3M' as SplitterName;
    expect(() => createSplitter(unknown)).toThrow(RangeError);
    expect(() => createSplitter(unknown)).toThrow(
      /unknown splitter "FIXED-3M".*DYNAMIC-4M-BUZHASH.*FIXED-8M/,
    );
  });
});

describe.each(SPLITTER_NAMES)('%s', (name) => {
  const { minSegmentSize, maxSegmentSize } = createSplitter(name);

  it('states the segment sizes that its name promises', () => {
    const match = /-(\d+)([KM])/.exec(name);
    const size =
      match === null ? 4096 * KIB : Number(match[1]) * (match[2] === 'K' ? KIB : KIB * KIB);
    const isFixed = name.startsWith('FIXED');
    expect(minSegmentSize).toBe(isFixed ? size : size / 2);
    expect(maxSegmentSize).toBe(isFixed ? size : size * 2);
  });

  it('finds no cut in an empty stream or before the minimum', () => {
    const splitter = createSplitter(name);
    expect(splitter.nextSplitPoint(new Uint8Array(0))).toBe(-1);
    expect(splitter.nextSplitPoint(new Uint8Array(minSegmentSize - 1))).toBe(-1);
    expect(splitter.nextSplitPoint(new Uint8Array(0))).toBe(-1);
    // Zeros hash to zero in both algorithms, so the first candidate is a cut.
    expect(splitter.nextSplitPoint(new Uint8Array(2))).toBe(1);
  });

  it('starts a segment after a cut that ends the data', () => {
    const splitter = createSplitter(name);
    const segment = new Uint8Array(minSegmentSize);
    expect(splitter.nextSplitPoint(segment)).toBe(minSegmentSize);
    expect(splitter.nextSplitPoint(new Uint8Array(0))).toBe(-1);
    expect(splitter.nextSplitPoint(segment)).toBe(minSegmentSize);
  });

  it('forgets the current segment on reset', () => {
    const splitter = createSplitter(name);
    splitter.nextSplitPoint(new Uint8Array(minSegmentSize - 1));
    splitter.reset();
    expect(splitter.nextSplitPoint(new Uint8Array(minSegmentSize - 1))).toBe(-1);
  });
});

it('cuts a run of one byte at the minimum under BUZHASH and at the maximum under RABINKARP', () => {
  const run = new Uint8Array(1024 * KIB).fill(0xaa);
  for (const kernels of [PLAIN_KERNELS, wasm]) {
    const buzhash = createSplitter('DYNAMIC-128K-BUZHASH', { kernels });
    const rabinKarp = createSplitter('DYNAMIC-128K-RABINKARP', { kernels });
    expect(findSplitPoints(run, buzhash)).toHaveLength(16);
    expect(findSplitPoints(run, rabinKarp)).toEqual([256 * KIB, 512 * KIB, 768 * KIB, 1024 * KIB]);
  }
});

it.each(['DYNAMIC-128K-BUZHASH', 'DYNAMIC-128K-RABINKARP', 'FIXED-128K'] as const)(
  '%s cuts at the same places when fed byte by byte around every boundary',
  (name) => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.integer(), sizes, (seed, sizes) => {
        const data = randomBytes(1200 * KIB, seed);
        const expected = findSplitPoints(data, createSplitter(name));
        expect(expected.length).toBeGreaterThan(3);
        const { minSegmentSize } = createSplitter(name);
        const fine = [0, ...expected].flatMap((cut) => [cut, cut + minSegmentSize]);
        for (const kernels of [PLAIN_KERNELS, wasm]) {
          const splitter = createSplitter(name, { kernels });
          const cuts: number[] = [];
          let offset = 0;
          for (let turn = 0; offset < data.length; turn++) {
            const isFine = fine.some((position) => Math.abs(offset - position) < 70);
            const coarseEnd = offset + sizes[turn % sizes.length]!;
            const nextFine = fine.map((position) => position - 69).filter((from) => from > offset);
            const end = Math.min(
              data.length,
              isFine ? offset + 1 : Math.min(coarseEnd, ...nextFine),
            );
            const length = splitter.nextSplitPoint(data.subarray(offset, end));
            offset = length < 0 ? end : offset + length;
            if (length >= 0) cuts.push(offset);
          }
          expect(cuts).toEqual(expected);
        }
      }),
      { numRuns: 15 },
    );
  },
);
