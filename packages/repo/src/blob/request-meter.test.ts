import { expect, it } from 'vitest';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { createFaultyStorage } from './faulty-storage.ts';
import { createObservedStorage } from './observed.ts';
import { RequestMeter, totalRequests } from './request-meter.ts';
import { createRetryingStorage } from './retrying.ts';
import { parseBlobID } from './storage.ts';

const id = parseBlobID('p1');

it('counts requests by class and bytes by direction, retries included', async () => {
  const time = createManualTime();
  const { clock, sleep } = time;
  const meter = new RequestMeter();
  expect(totalRequests(meter.counts)).toBe(0);
  const faulty = createFaultyStorage(createMemoryStorage({ clock }), {
    sleep,
    script: [{ operation: 'put', times: 2, fault: { kind: 'error-before' } }],
  });
  const observed = createObservedStorage(faulty, { clock, onEvent: meter.record });
  const storage = createRetryingStorage(observed, { clock, sleep, random: () => 0 });
  await storage.putBlob(id, new Uint8Array(1000));
  await storage.getBlob(id, { range: { offset: 100, length: 50 } });
  await storage.getMetadata(id);
  for await (const _ of storage.listBlobs('p')) continue;
  await storage.deleteBlob(id);
  await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  expect(meter.counts).toEqual({
    list: 1,
    get: 2,
    put: 3,
    delete: 1,
    head: 1,
    bytesUp: 1000,
    bytesDown: 50,
  });
  expect(totalRequests(meter.counts)).toBe(8);
});
