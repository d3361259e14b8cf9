import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { buzhash32 } from './buzhash32.ts';
import { DynamicSplitter } from './dynamic.ts';
import { loadSplitterKernels, PLAIN_KERNELS, type SplitterKernels } from './kernels.ts';
import { rabinKarp64 } from './rabin-karp64.ts';
import { findSplitPoints } from './split-points.ts';

const HASHES = {
  buzhash32: (data: Uint8Array, offset: number) => buzhash32(data, offset),
  rabinKarp64: (data: Uint8Array, offset: number) =>
    Number(rabinKarp64(data, offset) & 0xffff_ffffn),
} as const;
type Algorithm = keyof typeof HASHES;

let wasm: SplitterKernels;
beforeAll(async () => {
  wasm = await loadSplitterKernels();
});

/** The rule as it is defined: hash the 64 bytes before every position from scratch. */
function cutsByDefinition(data: Uint8Array, algorithm: Algorithm, averageSize: number): number[] {
  const cuts: number[] = [];
  let start = 0;
  for (let end = averageSize / 2; end <= data.length; end++) {
    const hit = (HASHES[algorithm](data, end - 64) & (averageSize - 1)) === 0;
    if (!hit && end !== start + averageSize * 2) continue;
    cuts.push(end);
    start = end;
    end += averageSize / 2 - 1;
  }
  return cuts;
}

function cutsOfSlices(
  data: Uint8Array,
  splitter: DynamicSplitter,
  sizes: readonly number[],
): number[] {
  const cuts: number[] = [];
  let offset = 0;
  for (let turn = 0; offset < data.length; turn++) {
    const end = Math.min(data.length, offset + sizes[turn % sizes.length]!);
    while (offset < end) {
      const length = splitter.nextSplitPoint(data.subarray(offset, end));
      if (length < 0) break;
      offset += length;
      cuts.push(offset);
    }
    offset = end;
  }
  return cuts;
}

/** Random bytes with runs of one byte in between, which are where the two algorithms differ most. */
const stream = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 900 }),
      fc
        .record({
          byte: fc.integer({ min: 0, max: 255 }),
          length: fc.integer({ min: 1, max: 900 }),
        })
        .map(({ byte, length }) => new Uint8Array(length).fill(byte)),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((pieces) => Uint8Array.from(pieces.flatMap((piece) => [...piece])));

const sliceSizes = fc.array(
  fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 2000 })),
  { minLength: 1, maxLength: 8 },
);

describe.each(['buzhash32', 'rabinKarp64'] as const)('a %s splitter', (algorithm) => {
  it.each([128, 256, 512])('follows the definition, average %i', (averageSize) => {
    fc.assert(
      fc.property(stream, (data) => {
        const expected = cutsByDefinition(data, algorithm, averageSize);
        for (const kernels of [PLAIN_KERNELS, wasm]) {
          const splitter = new DynamicSplitter(averageSize, kernels[algorithm]);
          expect(findSplitPoints(data, splitter)).toEqual(expected);
        }
      }),
    );
  });

  it.each([128, 256])(
    'cuts at the same places however the input is sliced, average %i',
    (averageSize) => {
      fc.assert(
        fc.property(stream, sliceSizes, (data, sizes) => {
          for (const kernels of [PLAIN_KERNELS, wasm]) {
            const splitter = new DynamicSplitter(averageSize, kernels[algorithm]);
            const whole = findSplitPoints(data, splitter);
            expect(cutsOfSlices(data, splitter, sizes)).toEqual(whole);
          }
        }),
      );
    },
  );

  it('does not depend on the bytes before the last reset', () => {
    fc.assert(
      fc.property(stream, stream, (before, data) => {
        const splitter = new DynamicSplitter(256, PLAIN_KERNELS[algorithm]);
        const expected = findSplitPoints(data, splitter);
        cutsOfSlices(before, splitter, [1]);
        splitter.reset();
        expect(cutsOfSlices(data, splitter, [1])).toEqual(expected);
      }),
    );
  });
});
