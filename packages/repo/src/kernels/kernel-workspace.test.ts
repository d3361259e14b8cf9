import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { encodeHex } from '../bytes.ts';
import { createBlake2bKernel } from './blake2b-kernel.ts';
import { createKernelWorkspace, HASH_SCRATCH_SIZE, KernelWorkspace } from './kernel-workspace.ts';

const PAGE_LENGTH = 65536;

it('refuses a scratch area that is misaligned or leaves the memory', () => {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const end = 4 * PAGE_LENGTH;
  for (const offset of [8, -16, end - HASH_SCRATCH_SIZE + 16, end]) {
    expect(() => createKernelWorkspace(memory, offset)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  }
  expect(createKernelWorkspace(memory, end - HASH_SCRATCH_SIZE)).toBeInstanceOf(KernelWorkspace);
});

it('goes on working after its memory has grown', async () => {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const kernel = await createBlake2bKernel(
    createKernelWorkspace(memory),
    32,
    new Uint8Array(32).fill(1),
  );
  const data = new Uint8Array(1000).fill(2);
  const before = kernel.digest(data);
  memory.grow(4);
  expect(kernel.digest(data)).toEqual(before);
  const inPlace = new Uint8Array(memory.buffer, 6 * PAGE_LENGTH, data.length);
  inPlace.set(data);
  expect(kernel.digest(inPlace)).toEqual(before);
});

it('writes nothing outside its scratch area', async () => {
  const memory = new WebAssembly.Memory({ initial: 8 });
  const bytes = new Uint8Array(memory.buffer).fill(0xa5);
  const scratchOffset = 2 * PAGE_LENGTH;
  const workspace = createKernelWorkspace(memory, scratchOffset);
  const kernel = await createBlake2bKernel(workspace, 32, new Uint8Array(32));
  kernel.digest(new Uint8Array(300_000));
  kernel.digestPair(new Uint8Array(300_000), new Uint8Array(200_001));
  const outside = [
    bytes.subarray(0, scratchOffset),
    bytes.subarray(scratchOffset + HASH_SCRATCH_SIZE),
  ];
  for (const part of outside) expect(part.every((byte) => byte === 0xa5)).toBe(true);
});

const DATA_OFFSET = 8 * PAGE_LENGTH;
const DATA_LENGTH = 4 << 20;
const NAMES = ['BLAKE2B-256', 'BLAKE2S-256', 'BLAKE3-256'] as const;

/** Hashes the data again and again, so that the threads overlap, in place and copied. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, memory, scratchOffset, dataOffset, names } = workerData;
import(url).then(async ({ nativeAlgorithms }) => {
  const algorithms = nativeAlgorithms({ memory, scratchOffset });
  const hashes = await Promise.all(names.map((name) => algorithms.createHash(name, new Uint8Array(32))));
  const data = new Uint8Array(memory.buffer, dataOffset);
  const copy = Uint8Array.from(data);
  const results = [];
  for (let round = 0; round < 10; round++) {
    results.push(hashes.flatMap((hash) => [hash.hash(data), hash.hash(copy)]));
  }
  parentPort.postMessage(results);
});
`;

it('lets threads with scratch areas of their own hash one memory at the same time', async () => {
  const pages = (DATA_OFFSET + DATA_LENGTH) / PAGE_LENGTH;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const data = new Uint8Array(memory.buffer, DATA_OFFSET);
  for (let i = 0; i < data.length; i++) data[i] = (i * 31 + (i >> 11)) & 0xff;
  const url = new URL('../node/native-algorithms.ts', import.meta.url).href;
  const { nativeAlgorithms } = (await import(url)) as typeof import('../node/native-algorithms.ts');
  const expected: string[] = [];
  for (const name of NAMES) {
    const hash = await nativeAlgorithms().createHash(name, new Uint8Array(32));
    expected.push(encodeHex(hash.hash(data)), encodeHex(hash.hash(data)));
  }
  const answers = [0, 1].map(async (index) => {
    const scratchOffset = index * HASH_SCRATCH_SIZE;
    const workerData = { url, memory, scratchOffset, dataOffset: DATA_OFFSET, names: NAMES };
    const worker = new Worker(THREAD, { eval: true, workerData });
    const [results] = (await once(worker, 'message')) as [Uint8Array[][]];
    await worker.terminate();
    return results;
  });
  for (const results of await Promise.all(answers)) {
    expect(results.map((round) => round.map(encodeHex))).toEqual(
      Array.from({ length: 10 }, () => expected),
    );
  }
});
