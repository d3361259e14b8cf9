import { expect, it } from 'vitest';

import { LongshoreError } from '../errors.ts';
import { createFaultyStorage } from './faulty-storage.ts';
import type { ScriptedFault } from './faulty-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { createRetryingStorage } from './retrying.ts';
import type { RetryEvent, RetryingStorageOptions } from './retrying.ts';
import { parseBlobID } from './storage.ts';

const id = parseBlobID('p1');
const data = new Uint8Array(10).fill(3);

function setUp(script: readonly ScriptedFault[], options: Partial<RetryingStorageOptions> = {}) {
  const time = createManualTime();
  const memory = createMemoryStorage({ clock: time.clock });
  const faulty = createFaultyStorage(memory, { sleep: time.sleep, script });
  const events: RetryEvent[] = [];
  const storage = createRetryingStorage(faulty, {
    clock: time.clock,
    sleep: time.sleep,
    random: () => 0,
    onRetry: (event) => events.push(event),
    ...options,
  });
  return { time, memory, faulty, storage, events };
}

const throttled = new LongshoreError('STORAGE_THROTTLED', 'slow down', { retryable: true });
const permanent = new LongshoreError('ACCESS_DENIED', 'no', { retryable: false });

it('tries again after ever longer delays until it works', async () => {
  const { storage, events, time } = setUp([
    { operation: 'put', times: 4, fault: { kind: 'error-before' } },
  ]);
  await storage.putBlob(id, data);
  expect((await storage.getMetadata(id)).length).toBe(10);
  expect(time.sleeps).toEqual([100, 200, 400, 800]);
  expect(events.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  expect(events[0]).toMatchObject({ operation: 'put', target: 'p1' });
});

it('waits longer when the storage asks for less traffic', async () => {
  const { storage, time } = setUp([
    { operation: 'get', fault: { kind: 'error-before', error: throttled } },
  ]);
  await storage.putBlob(id, data);
  await storage.getBlob(id);
  expect(time.sleeps).toEqual([400]);
});

it('has half as many calls under way after the storage asked for less traffic', async () => {
  const time = createManualTime();
  const memory = createMemoryStorage({ clock: time.clock });
  let running = 0;
  let most = 0;
  let refused = 0;
  const storage = createRetryingStorage(
    {
      ...memory,
      async putBlob(...parameters) {
        most = Math.max(most, ++running);
        try {
          await new Promise(setImmediate);
          if (running === 8 && refused++ === 0) throw throttled;
          await memory.putBlob(...parameters);
        } finally {
          running -= 1;
        }
      },
    },
    { clock: time.clock, sleep: time.sleep, random: () => 0 },
  );
  const putMany = (count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, n) => storage.putBlob(parseBlobID(`p${n}`), data)),
    );
  await putMany(8);
  expect([most, refused]).toEqual([8, 1]);
  most = 0;
  await putMany(7);
  expect(most).toBeLessThan(7);
});

it('spreads delays by the random number and never exceeds the longest', async () => {
  const { storage, time } = setUp(
    [{ operation: 'delete', times: 6, fault: { kind: 'error-before' } }],
    { random: () => 1, policy: { maxDelayMilliseconds: 1000 } },
  );
  await storage.deleteBlob(id);
  expect(time.sleeps).toEqual([200, 400, 800, 1000, 1000, 1000]);
});

it('gives up after the attempts it has, with the last error unchanged', async () => {
  const { storage, time } = setUp(
    [{ operation: 'metadata', times: 9, fault: { kind: 'error-before', error: throttled } }],
    { policy: { maxAttempts: 3 } },
  );
  await expect(storage.getMetadata(id)).rejects.toBe(throttled);
  expect(time.sleeps).toHaveLength(2);
});

it('gives up when the next attempt would start too late', async () => {
  const { storage, time } = setUp(
    [{ operation: 'metadata', times: 99, fault: { kind: 'error-before' } }],
    { policy: { maxAttempts: 99, maxTotalMilliseconds: 5_000 } },
  );
  await expect(storage.getMetadata(id)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  const total = time.sleeps.reduce((sum, delay) => sum + delay, 0);
  expect(total).toBeLessThanOrEqual(5_000);
  expect(total).toBeGreaterThan(2_500);
});

it('does not repeat what cannot succeed', async () => {
  const { storage, time } = setUp([
    { operation: 'put', fault: { kind: 'error-before', error: permanent } },
    { operation: 'put', fault: { kind: 'error-before', error: new TypeError('a defect') } },
  ]);
  await expect(storage.putBlob(id, data)).rejects.toBe(permanent);
  await expect(storage.putBlob(id, data)).rejects.toThrow(TypeError);
  await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  expect(time.sleeps).toEqual([]);
});

it('stops at once when aborted while it waits', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const { storage, faulty } = setUp(
    [{ operation: 'put', times: 9, fault: { kind: 'error-before' } }],
    { onRetry: () => controller.abort(reason) },
  );
  await expect(storage.putBlob(id, data, { signal: controller.signal })).rejects.toBe(reason);
  expect(faulty.struck).toHaveLength(1);
});

it('resumes a broken listing without showing a blob twice', async () => {
  const { storage, memory, events } = setUp([
    { operation: 'list', fault: { kind: 'error-after', items: 2 } },
    { operation: 'list', fault: { kind: 'error-before' } },
    { operation: 'list', fault: { kind: 'error-after', items: 4 } },
  ]);
  const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
  for (const name of names) await memory.putBlob(parseBlobID(name), data);
  const listed: string[] = [];
  for await (const blob of storage.listBlobs('n')) listed.push(blob.id);
  expect(listed).toEqual(names);
  expect(events.map(({ attempt }) => attempt)).toEqual([1, 2, 1]);
});

it('passes on what the reader of a listing throws, without another attempt', async () => {
  const { storage, memory, time } = setUp([]);
  await memory.putBlob(parseBlobID('n1'), data);
  const walk = async (): Promise<void> => {
    for await (const blob of storage.listBlobs('n')) {
      throw new LongshoreError('STORAGE_FAILED', `thrown at ${blob.id}`, { retryable: true });
    }
  };
  await expect(walk()).rejects.toThrow('thrown at n1');
  expect(time.sleeps).toEqual([]);
});

it('recognises its own blob when the answer to a put if absent was lost', async () => {
  const { storage } = setUp([{ operation: 'put', fault: { kind: 'error-after' } }]);
  await storage.putBlob(id, data, { ifAbsent: true });
  expect((await storage.getMetadata(id)).length).toBe(10);
});

it('does not mistake the blob of another writer for its own', async () => {
  const { storage, memory } = setUp([{ operation: 'put', fault: { kind: 'error-before' } }]);
  await memory.putBlob(id, new Uint8Array(10));
  await expect(storage.putBlob(id, data, { ifAbsent: true })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  });
  await memory.putBlob(id, data);
  await expect(storage.putBlob(id, data, { ifAbsent: true })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  });
});
