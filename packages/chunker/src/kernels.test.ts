import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSplitterKernels, PLAIN_KERNELS, SPLITTER_SCRATCH_SIZE } from './kernels.ts';

const PAGE_SIZE = 65536;
const ALGORITHMS = ['buzhash32', 'rabinKarp64'] as const;

function createMemory(pages: number, shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
}

function fillRandomly(bytes: Uint8Array, seed: number): void {
  let state = seed | 1;
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[index] = state >>> 24;
  }
}

function around(middle: number): number[] {
  return Array.from({ length: 24 }, (_, index) => middle - 12 + index);
}

afterEach(() => vi.unstubAllGlobals());

describe.each([
  ['plain', false],
  ['shared', true],
])('kernels in %s memory', (_, shared) => {
  it('find what the reference finds, for any range, in place and elsewhere', async () => {
    const memory = createMemory(8, shared);
    const kernels = await loadSplitterKernels({ memory });
    expect(kernels.kind).toBe('wasm');
    const position = fc.integer({ min: 0, max: 3 * PAGE_SIZE });
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 100 }),
        fc.tuple(position, position).map((pair) => pair.toSorted((a, b) => a - b)),
        fc.integer({ min: 6, max: 23 }),
        (seed, shift, range, maskBits) => {
          const inPlace = new Uint8Array(memory.buffer, 2 * PAGE_SIZE + shift, 4 * PAGE_SIZE);
          fillRandomly(inPlace, seed);
          const elsewhere = Uint8Array.from(inPlace);
          const mask = 2 ** maskBits - 1;
          const [first = 0, last = 0] = range.map((edge) => edge + 64);
          for (const algorithm of ALGORITHMS) {
            const expected = PLAIN_KERNELS[algorithm](elsewhere, first, last, mask);
            expect(kernels[algorithm](inPlace, first, last, mask)).toBe(expected);
            expect(kernels[algorithm](elsewhere, first, last, mask)).toBe(expected);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('find a lone cut at every position of the blocks they search together', async () => {
    const memory = createMemory(8, shared);
    const kernels = await loadSplitterKernels({ memory });
    const data = new Uint8Array(memory.buffer, 2 * PAGE_SIZE, 10_000);
    // Under this pattern no window hashes to zero; 64 zero bytes make exactly one cut that does, and only a later one.
    for (const algorithm of ALGORITHMS) {
      for (let cut = 65; cut <= data.length; cut += 97) {
        for (let index = 0; index < data.length; index++) data[index] = (index % 63) + 1;
        data.fill(0, cut - 64, cut);
        const mask = 0x7fffff;
        expect(PLAIN_KERNELS[algorithm](data, 64, data.length, mask)).toBe(cut);
        expect(kernels[algorithm](data, 64, data.length, mask)).toBe(cut);
        expect(kernels[algorithm](data, 64, cut, mask)).toBe(cut);
        expect(kernels[algorithm](data, 64, cut - 1, mask)).toBe(-1);
      }
    }
  });

  it('write nothing outside their scratch region', async () => {
    const memory = createMemory(4, shared);
    const all = new Uint8Array(memory.buffer);
    fillRandomly(all, 7);
    const before = Uint8Array.from(all);
    const scratchOffset = 4096;
    const kernels = await loadSplitterKernels({ memory, scratchOffset });
    const elsewhere = Uint8Array.from(before);
    for (const algorithm of ALGORITHMS) {
      kernels[algorithm](elsewhere, 64, elsewhere.length, 0x7fffff);
      kernels[algorithm](all, 100_000, all.length, 0x7fffff);
    }
    const end = scratchOffset + SPLITTER_SCRATCH_SIZE;
    expect(all.subarray(0, scratchOffset)).toEqual(before.subarray(0, scratchOffset));
    expect(all.subarray(end)).toEqual(before.subarray(end));
    expect(all.subarray(scratchOffset, end)).not.toEqual(before.subarray(scratchOffset, end));
  });
});

it('find a lone cut around the seams of the pieces in which they copy data', async () => {
  const kernels = await loadSplitterKernels();
  const data = new Uint8Array(140_000);
  for (const algorithm of ALGORITHMS) {
    // Pieces of 64 KiB that overlap by 63 bytes, the window of the first candidate that the piece before lacks.
    for (const cut of [...around(65_536), ...around(131_009)]) {
      for (let index = 0; index < data.length; index++) data[index] = (index % 63) + 1;
      data.fill(0, cut - 64, cut);
      expect(kernels[algorithm](data, 64, data.length, 0x7fffff)).toBe(cut);
    }
  }
});

it('keep working after their memory grew', async () => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const kernels = await loadSplitterKernels({ memory });
  const data = new Uint8Array(50_000);
  fillRandomly(data, 3);
  memory.grow(1);
  for (const algorithm of ALGORITHMS) {
    const expected = PLAIN_KERNELS[algorithm](data, 64, data.length, 0xfff);
    expect(expected).toBeGreaterThan(0);
    expect(kernels[algorithm](data, 64, data.length, 0xfff)).toBe(expected);
  }
});

it('refuse a scratch region that is misaligned or does not fit', async () => {
  const memory = createMemory(2, true);
  const size = memory.buffer.byteLength;
  for (const scratchOffset of [8, -16, 0.5, Number.NaN, size, size - SPLITTER_SCRATCH_SIZE + 16]) {
    await expect(loadSplitterKernels({ memory, scratchOffset })).rejects.toThrow(RangeError);
  }
  const last = await loadSplitterKernels({ memory, scratchOffset: size - SPLITTER_SCRATCH_SIZE });
  expect(last.kind).toBe('wasm');
});

describe('without WebAssembly', () => {
  it('the reference takes over', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    const kernels = await loadSplitterKernels();
    expect(kernels).toMatchObject({ ...PLAIN_KERNELS, fallbackCause: expect.any(Error) });
  });

  it('that can compile the kernels the reference takes over and the cause is kept', async () => {
    const cause = new WebAssembly.CompileError('no vectors here');
    vi.spyOn(WebAssembly, 'instantiate').mockRejectedValue(cause);
    const kernels = await loadSplitterKernels();
    vi.restoreAllMocks();
    expect(kernels).toEqual({ ...PLAIN_KERNELS, fallbackCause: cause });
  });

  it('that computes correctly the reference takes over', async () => {
    const broken = { instance: { exports: { search: () => -1 } } };
    vi.spyOn(WebAssembly, 'instantiate').mockResolvedValue(broken as never);
    const kernels = await loadSplitterKernels();
    vi.restoreAllMocks();
    expect(kernels.kind).toBe('plain');
    expect(String(kernels.fallbackCause)).toContain('buzhash32 kernel: cut -1');
  });
});
