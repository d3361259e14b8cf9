import { describe, expect, it } from 'vitest';

import { systemSleep } from '../clock.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { parseBlobID } from './storage.ts';
import type { BlobStorage } from './storage.ts';
import { createThrottledStorage } from './throttling.ts';
import type { ThrottlingLimits } from './throttling.ts';

const id = parseBlobID('p1');

function setUp(limits: ThrottlingLimits) {
  const time = createManualTime();
  const memory = createMemoryStorage({ clock: time.clock });
  const storage = createThrottledStorage(memory, { limits, ...time });
  const startedAt = time.clock();
  return { memory, storage, seconds: () => Number(time.clock() - startedAt) / 1e9 };
}

describe('rates', () => {
  it.each([
    ['readsPerSecond', (storage: BlobStorage) => storage.getBlob(id)],
    ['readsPerSecond', (storage: BlobStorage) => storage.getMetadata(id)],
    ['writesPerSecond', (storage: BlobStorage) => storage.putBlob(id, new Uint8Array(1))],
    ['writesPerSecond', (storage: BlobStorage) => storage.deleteBlob(id)],
    [
      'listsPerSecond',
      (storage: BlobStorage) => storage.listBlobs('')[Symbol.asyncIterator]().next(),
    ],
  ] as const)('keeps %s', async (limit, call) => {
    const { memory, storage, seconds } = setUp({ [limit]: 10 });
    await memory.putBlob(id, new Uint8Array(1));
    for (let i = 0; i < 50; i++) await call(storage);
    expect(seconds()).toBeGreaterThan(3.9);
    expect(seconds()).toBeLessThan(4.2);
  });

  it('keeps the speed of uploads, however large each is', async () => {
    const { storage, seconds } = setUp({ maxUploadSpeedBytesPerSecond: 1_000_000 });
    await storage.putBlob(id, [new Uint8Array(2_000_000), new Uint8Array(2_000_000)]);
    await storage.putBlob(id, new Uint8Array(1_000_000));
    expect(seconds()).toBeCloseTo(4, 1);
  });

  it('keeps the speed of downloads, whole or by range', async () => {
    const { memory, storage, seconds } = setUp({ maxDownloadSpeedBytesPerSecond: 1_000_000 });
    await memory.putBlob(id, new Uint8Array(3_000_000));
    await storage.getBlob(id);
    expect(seconds()).toBeCloseTo(2, 1);
    await storage.getBlob(id, { range: { offset: 5, length: 1_500_000 } });
    expect(seconds()).toBeCloseTo(3.5, 1);
  });

  it('does not wait without limits', async () => {
    const { storage, seconds } = setUp({});
    for (let i = 0; i < 100; i++) await storage.putBlob(id, new Uint8Array(100_000));
    expect(seconds()).toBeLessThan(0.1);
  });

  it('follows limits that change', async () => {
    const { storage, seconds } = setUp({ writesPerSecond: 1 });
    for (let i = 0; i < 3; i++) await storage.deleteBlob(id);
    expect(seconds()).toBeCloseTo(2, 1);
    storage.setLimits({ writesPerSecond: 100 });
    for (let i = 0; i < 50; i++) await storage.deleteBlob(id);
    expect(seconds()).toBeCloseTo(2.5, 1);
    storage.setLimits({});
    expect(storage.limits).toEqual({});
    for (let i = 0; i < 50; i++) await storage.deleteBlob(id);
    expect(seconds()).toBeCloseTo(2.5, 1);
  });

  it('refuses limits that make no sense and keeps those it has', () => {
    const { storage } = setUp({ concurrentReads: 2 });
    for (const limits of [
      { readsPerSecond: -1 },
      { maxUploadSpeedBytesPerSecond: Number.NaN },
      { concurrentReads: 1.5 },
    ]) {
      expect(() => storage.setLimits(limits)).toThrow(/is not a/);
    }
    expect(storage.limits).toEqual({ concurrentReads: 2 });
  });

  it('gives back what an aborted call was waiting for', async () => {
    const { clock } = createManualTime();
    const storage = createThrottledStorage(createMemoryStorage({ clock }), {
      limits: { maxUploadSpeedBytesPerSecond: 1_000 },
      clock,
      sleep: systemSleep,
    });
    const controller = new AbortController();
    const reason = new Error('enough');
    const put = storage.putBlob(id, new Uint8Array(1_000_000), { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    await expect(put).rejects.toBe(reason);
    await storage.putBlob(id, new Uint8Array(900));
  });
});

async function mostAtOnce(limits: ThrottlingLimits): Promise<number> {
  const { memory } = setUp({});
  let running = 0;
  let most = 0;
  const watched: BlobStorage = Object.assign(Object.create(memory) as BlobStorage, {
    async deleteBlob() {
      running++;
      most = Math.max(most, running);
      await Promise.resolve();
      await Promise.resolve();
      running--;
    },
  });
  const storage = createThrottledStorage(watched, { limits, ...createManualTime() });
  await Promise.all(Array.from({ length: 20 }, () => storage.deleteBlob(id)));
  expect(running).toBe(0);
  return most;
}

describe('concurrency', () => {
  it('lets no more writes run at a time than allowed', async () => {
    expect(await mostAtOnce({ concurrentWrites: 3 })).toBe(3);
    expect(await mostAtOnce({})).toBeGreaterThan(3);
  });
});
