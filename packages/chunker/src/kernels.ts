import { BUZHASH32_TABLE } from './buzhash32-table.ts';
import { searchBuzhash32 } from './buzhash32.ts';
import { type HashSearch, WINDOW_SIZE } from './hash-search.ts';
import { BUZHASH32_SHARED_WASM, BUZHASH32_WASM } from './kernels/buzhash32.wasm.ts';
import { RABIN_KARP64_SHARED_WASM, RABIN_KARP64_WASM } from './kernels/rabin-karp64.wasm.ts';
import {
  LEAVING_TABLE,
  type PolynomialTable,
  REDUCTION_TABLE,
  searchRabinKarp64,
} from './rabin-karp64.ts';

/** One implementation of the searches behind the dynamic splitters. */
export interface SplitterKernels {
  readonly kind: 'plain' | 'wasm';
  readonly buzhash32: HashSearch;
  readonly rabinKarp64: HashSearch;
  /** Why `kind` is plain although WebAssembly was asked for. */
  readonly fallbackCause?: unknown;
}

/** The reference in plain JavaScript. */
export const PLAIN_KERNELS: SplitterKernels = {
  kind: 'plain',
  buzhash32: searchBuzhash32,
  rabinKarp64: searchRabinKarp64,
};

// Layout of the scratch region, offsets in bytes:
//      0  BUZHASH words, 256 uint32, then its working space of 64 vectors of 16 bytes
//   2048  RABINKARP reduction table, then leaving table, 256 uint64 each
//   8192  staging area for data that lies elsewhere
const RABIN_KARP_OFFSET = 2048;
const LEAVING_OFFSET = RABIN_KARP_OFFSET + 2048;
const STAGING_OFFSET = 8192;
const STAGING_SIZE = 64 * 1024;
const SCRATCH_ALIGNMENT = 16;
const WASM_PAGE_SIZE = 65536;

/** Bytes that the kernels of one thread own in their memory, from `scratchOffset` on. */
export const SPLITTER_SCRATCH_SIZE: number = STAGING_OFFSET + STAGING_SIZE;

export interface SplitterKernelOptions {
  /**
   * Memory to link with, plain or shared; data that lies in it is searched in place. Absent: a private memory just large
   * enough for the scratch region.
   */
  readonly memory?: WebAssembly.Memory;
  /**
   * Where in `memory` the {@link SPLITTER_SCRATCH_SIZE} bytes of this instance begin, a multiple of 16, 0 if absent. Threads
   * that share a memory need a region each.
   */
  readonly scratchOffset?: number;
}

/**
 * Compiles the WebAssembly kernels; what they return works synchronously and belongs to the calling thread. Where
 * WebAssembly or its vectors are missing, or a kernel disagrees with plain JavaScript, the result is the plain kind. A
 * scratch region that is misaligned or outside the memory is a RangeError.
 */
export async function loadSplitterKernels(
  options: SplitterKernelOptions = {},
): Promise<SplitterKernels> {
  if (typeof WebAssembly === 'undefined') {
    return { ...PLAIN_KERNELS, fallbackCause: new Error('WebAssembly is not available') };
  }
  const memory = options.memory ?? privateMemory();
  const scratchOffset = options.scratchOffset ?? 0;
  checkScratch(memory, scratchOffset);
  try {
    const kernels = await linkKernels(memory, scratchOffset);
    selfTest(kernels);
    return kernels;
  } catch (fallbackCause) {
    return { ...PLAIN_KERNELS, fallbackCause };
  }
}

function privateMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(SPLITTER_SCRATCH_SIZE / WASM_PAGE_SIZE) });
}

function checkScratch(memory: WebAssembly.Memory, scratchOffset: number): void {
  const { byteLength } = memory.buffer;
  const fits = scratchOffset >= 0 && scratchOffset + SPLITTER_SCRATCH_SIZE <= byteLength;
  if (!fits || scratchOffset % SCRATCH_ALIGNMENT !== 0) {
    throw new RangeError(
      `scratchOffset ${scratchOffset}: need a multiple of ${SCRATCH_ALIGNMENT} with ` +
        `${SPLITTER_SCRATCH_SIZE} bytes behind it in a memory of ${byteLength} bytes`,
    );
  }
}

async function linkKernels(
  memory: WebAssembly.Memory,
  scratchOffset: number,
): Promise<SplitterKernels> {
  const isShared =
    typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
  const [buzhash32, rabinKarp64] = await Promise.all([
    linkKernel(isShared ? BUZHASH32_SHARED_WASM : BUZHASH32_WASM, memory),
    linkKernel(isShared ? RABIN_KARP64_SHARED_WASM : RABIN_KARP64_WASM, memory),
  ]);
  writeTables(memory, scratchOffset);
  const staging = scratchOffset + STAGING_OFFSET;
  return {
    kind: 'wasm',
    buzhash32: searchInMemory(buzhash32, memory, scratchOffset, staging),
    rabinKarp64: searchInMemory(rabinKarp64, memory, scratchOffset + RABIN_KARP_OFFSET, staging),
  };
}

/** The first of `candidates` cuts whose hash has no bit of `mask`, or -1; candidate i has its window at `window + i`. */
type KernelSearch = (window: number, candidates: number, mask: number, tables: number) => number;

async function linkKernel(base64: string, memory: WebAssembly.Memory): Promise<KernelSearch> {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports['search'] as unknown as KernelSearch;
}

function writeTables(memory: WebAssembly.Memory, scratchOffset: number): void {
  const view = new DataView(memory.buffer, scratchOffset, STAGING_OFFSET);
  BUZHASH32_TABLE.forEach((word, index) => view.setUint32(4 * index, word, true));
  writePolynomials(view, RABIN_KARP_OFFSET, REDUCTION_TABLE);
  writePolynomials(view, LEAVING_OFFSET, LEAVING_TABLE);
}

function writePolynomials(view: DataView, offset: number, table: PolynomialTable): void {
  table.low.forEach((word, index) => view.setInt32(offset + 8 * index, word, true));
  table.high.forEach((word, index) => view.setInt32(offset + 8 * index + 4, word, true));
}

function searchInMemory(
  search: KernelSearch,
  memory: WebAssembly.Memory,
  tables: number,
  staging: number,
): HashSearch {
  let stagingArea = new Uint8Array(memory.buffer, staging, STAGING_SIZE);

  /** Copies piece after piece; consecutive pieces overlap by the window. */
  const searchElsewhere: HashSearch = (data, first, last, mask) => {
    // Growing a memory replaces its buffer and detaches views of the old one.
    if (stagingArea.buffer !== memory.buffer) {
      stagingArea = new Uint8Array(memory.buffer, staging, STAGING_SIZE);
    }
    let cut = first;
    while (cut <= last) {
      const end = Math.min(last, cut - WINDOW_SIZE + STAGING_SIZE);
      stagingArea.set(data.subarray(cut - WINDOW_SIZE, end));
      const hit = search(staging, end - cut + 1, mask, tables);
      if (hit >= 0) return cut + hit;
      cut = end + 1;
    }
    return -1;
  };

  return (data, first, last, mask) => {
    if (data.buffer !== memory.buffer) return searchElsewhere(data, first, last, mask);
    const hit = search(data.byteOffset + first - WINDOW_SIZE, last - first + 1, mask, tables);
    return hit < 0 ? -1 : first + hit;
  };
}

/** Compares with the reference on a few KiB, with masks that give many cuts, some, and none. */
function selfTest(kernels: SplitterKernels): void {
  const data = new Uint8Array(12 * 1024);
  let state = 1;
  for (let index = 0; index < data.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    data[index] = state >>> 24;
  }
  for (const algorithm of ['buzhash32', 'rabinKarp64'] as const) {
    for (const mask of [0xff, 0x3ff, 0xfff, 0x7fffff]) {
      let cut = WINDOW_SIZE - 1;
      do {
        const expected = PLAIN_KERNELS[algorithm](data, cut + 1, data.length, mask);
        cut = kernels[algorithm](data, cut + 1, data.length, mask);
        if (cut !== expected) throw new Error(`${algorithm} kernel: cut ${cut}, not ${expected}`);
      } while (cut >= 0 && cut < data.length);
    }
  }
}
