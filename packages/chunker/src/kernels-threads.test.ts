import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { SPLITTER_SCRATCH_SIZE } from './kernels.ts';
import { findSplitPoints } from './split-points.ts';
import { createSplitter } from './splitter.ts';

const DATA_OFFSET = 4 * 65536;
const DATA_SIZE = 8 * 1024 * 1024;
const NAMES = ['DYNAMIC-128K-BUZHASH', 'DYNAMIC-128K-RABINKARP'] as const;

/** Splits the data again and again, so that the threads overlap, and reports every result. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, memory, scratchOffset, dataOffset, names } = workerData;
import(url).then(async ({ createSplitter, findSplitPoints, loadSplitterKernels }) => {
  const kernels = await loadSplitterKernels({ memory, scratchOffset });
  const results = [];
  const data = new Uint8Array(memory.buffer, dataOffset);
  for (let round = 0; round < 10; round++) {
    results.push(names.map((name) => findSplitPoints(data, createSplitter(name, { kernels }))));
  }
  parentPort.postMessage({ kind: kernels.kind, results });
});
`;

it('threads with scratch regions of their own search one memory at the same time', async () => {
  const pages = (DATA_OFFSET + DATA_SIZE) / 65536;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const data = new Uint8Array(memory.buffer, DATA_OFFSET);
  let state = 1;
  for (let index = 0; index < data.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    data[index] = state >>> 24;
  }
  const expected = NAMES.map((name) => findSplitPoints(data, createSplitter(name)));
  const answers = [0, SPLITTER_SCRATCH_SIZE].map(async (scratchOffset) => {
    const url = new URL('index.ts', import.meta.url).href;
    const workerData = { url, memory, scratchOffset, dataOffset: DATA_OFFSET, names: NAMES };
    const worker = new Worker(THREAD, { eval: true, workerData });
    const [answer] = await once(worker, 'message');
    await worker.terminate();
    return answer;
  });
  for (const { kind, results } of await Promise.all(answers)) {
    expect(kind).toBe('wasm');
    expect(results).toEqual(Array(10).fill(expected));
  }
});
