import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { findSplitPoints } from './split-points.ts';
import { split } from './split-stream.ts';
import { createSplitter } from './splitter.ts';

const SIZE = 1024 * 1024;
const data = Uint8Array.from(
  { length: SIZE },
  (_, index) => Math.imul(index, index * 7 + 1) >>> 11,
);

/** Yields slices of `data`, all in one buffer that is overwritten between them. */
async function* slices(data: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  const buffer = new Uint8Array(size);
  for (let offset = 0; offset < data.length; offset += size) {
    const slice = data.subarray(offset, offset + size);
    buffer.set(slice);
    yield buffer.subarray(0, slice.length);
    buffer.fill(0xff);
  }
}

async function collect(segments: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = [];
  for await (const segment of segments) collected.push(segment);
  return collected;
}

async function* failingSource(): AsyncGenerator<Uint8Array, void, void> {
  yield new Uint8Array(10);
  throw new Error('disk on fire');
}

it('yields segments that end at the cuts and join to the stream, from a source that reuses its buffer', async () => {
  const splitter = createSplitter('DYNAMIC-128K-BUZHASH');
  const cuts = findSplitPoints(data, splitter);
  expect(cuts.length).toBeGreaterThan(2);
  expect(cuts.at(-1)).toBeLessThan(SIZE);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1000, max: 2 * SIZE }), async (size) => {
      const segments = await collect(split(slices(data, size), splitter));
      let end = 0;
      const ends = segments.map((segment) => (end += segment.length));
      expect(ends).toEqual([...cuts, SIZE]);
      segments.forEach((segment, index) => {
        const start = ends[index]! - segment.length;
        expect(Buffer.compare(segment, data.subarray(start, ends[index]))).toBe(0);
      });
    }),
    { numRuns: 15 },
  );
});

it('yields no empty segment when the stream ends on a cut', async () => {
  const splitter = createSplitter('FIXED-128K');
  const segments = await collect(split(slices(data, 64 * 1024), splitter));
  expect(segments.map((segment) => segment.length)).toEqual(Array(8).fill(128 * 1024));
});

it('yields nothing for a stream without bytes', async () => {
  const splitter = createSplitter('FIXED-128K');
  const empty = [new Uint8Array(0), new Uint8Array(0)];
  async function* source(): AsyncGenerator<Uint8Array, void, void> {
    yield* empty;
  }
  expect(await collect(split(source(), splitter))).toEqual([]);
});

it('ends the source when the consumer stops, and the splitter can be used again', async () => {
  let isEnded = false;
  async function* source(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* slices(data, 300_000);
    } finally {
      isEnded = true;
    }
  }
  const splitter = createSplitter('FIXED-128K');
  for await (const segment of split(source(), splitter)) {
    expect(segment.length).toBe(128 * 1024);
    break;
  }
  expect(isEnded).toBe(true);
  const lengths = (await collect(split(slices(data, SIZE), splitter))).map(
    (segment) => segment.length,
  );
  expect(lengths).toEqual(Array(8).fill(128 * 1024));
});

it('passes on the failure of the source', async () => {
  const segments = split(failingSource(), createSplitter('FIXED-128K'));
  await expect(collect(segments)).rejects.toThrow('disk on fire');
});
