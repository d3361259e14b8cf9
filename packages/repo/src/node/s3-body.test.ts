import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { parseBlobID } from '../blob/storage.ts';
import { contentMD5, readBody, uploadBody } from './s3-body.ts';

const id = parseBlobID('p1');

async function* chunks(sizes: readonly number[], pauseMs = 0): AsyncGenerator<Buffer> {
  for (const size of sizes) {
    if (pauseMs > 0) await sleep(pauseMs);
    yield Buffer.alloc(size, size);
  }
}

const stream = (sizes: readonly number[], pauseMs = 0): Readable =>
  Readable.from(chunks(sizes, pauseMs), { objectMode: false });

it('hashes gathered pieces as the whole', async () => {
  const abc = ['a', 'bc', ''].map((text) => Buffer.from(text));
  expect(await contentMD5(abc, undefined)).toBe('kAFQmDzST7DWlj99KOF/cg==');
  expect(await contentMD5([], undefined)).toBe('1B2M2Y8AsgTpgAmY7PhCfg==');
});

it('stops hashing when the signal fires', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const hash = contentMD5([new Uint8Array(20_000_000)], controller.signal);
  controller.abort(reason);
  await expect(hash).rejects.toBe(reason);
});

it('sends gathered pieces in order, from shared memory too', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(600_000), 3, 500_000).fill(7);
  const sent: Buffer[] = [];
  for await (const chunk of uploadBody([Buffer.from('head'), shared, Buffer.from('tail')])) {
    sent.push(chunk as Buffer);
  }
  const whole = Buffer.concat(sent);
  expect(whole.length).toBe(500_008);
  expect(whole.subarray(0, 4).toString() + whole.subarray(-4).toString()).toBe('headtail');
  expect(whole.subarray(4, -4).every((byte) => byte === 7)).toBe(true);
});

it('reads a body of the length that was announced', async () => {
  expect((await readBody(stream([3, 4, 5]), { id, length: 12 }, undefined)).length).toBe(12);
  expect((await readBody(stream([]), { id, length: 0 }, undefined)).length).toBe(0);
});

it.each([
  ['that ends early', [3, 4], { code: 'STORAGE_FAILED', retryable: true }],
  ['that goes on', [3, 4, 6], { code: 'CORRUPT_DATA', retryable: false }],
])('fails on a body %s', async (_what, sizes, expected) => {
  const body = stream(sizes);
  await expect(readBody(body, { id, length: 12 }, undefined)).rejects.toMatchObject(expected);
  expect(body.destroyed).toBe(true);
});

it('lets go of a body when the signal fires', async () => {
  const body = stream([1, 1, 1, 1], 50);
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 60);
  const read = readBody(body, { id, length: 4 }, controller.signal).catch((error: unknown) => {
    controller.signal.throwIfAborted();
    throw error;
  });
  await expect(read).rejects.toBe(reason);
  expect(body.destroyed).toBe(true);
});
