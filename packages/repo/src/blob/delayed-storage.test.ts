import { expect, it } from 'vitest';

import { createDelayedStorage } from './delayed-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { createSeededRandom } from './seeded-random.ts';
import { parseBlobID } from './storage.ts';
import type { BlobStorage } from './storage.ts';

const minute = 60_000_000_000n;
const id = parseBlobID('n1');

async function listed(storage: BlobStorage): Promise<string[]> {
  const found: string[] = [];
  for await (const blob of storage.listBlobs('n')) found.push(`${blob.id}:${blob.length}`);
  return found;
}

it('shows puts and deletes in listings only after a while', async () => {
  const time = createManualTime();
  const storage = createDelayedStorage(createMemoryStorage({ clock: time.clock }), {
    ...time,
    random: createSeededRandom(1),
    lateListingNanoseconds: minute,
  });
  await storage.putBlob(id, new Uint8Array(1));
  expect(await listed(storage)).toEqual([]);
  expect((await storage.getBlob(id)).length).toBe(1);
  time.advance(minute);
  expect(await listed(storage)).toEqual(['n1:1']);
  await storage.putBlob(id, new Uint8Array(2));
  expect(await listed(storage)).toEqual(['n1:1']);
  await storage.deleteBlob(id);
  expect(await listed(storage)).toEqual(['n1:1']);
  await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  time.advance(minute);
  expect(await listed(storage)).toEqual([]);
});

it('hides new blobs from reads for a while', async () => {
  const time = createManualTime();
  const storage = createDelayedStorage(createMemoryStorage({ clock: time.clock }), {
    ...time,
    random: createSeededRandom(1),
    lateReadNanoseconds: minute,
  });
  await storage.putBlob(id, new Uint8Array(1));
  await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  await expect(storage.getMetadata(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  time.advance(minute);
  expect((await storage.getBlob(id)).length).toBe(1);
});

it('lists the same blobs in another order each time', async () => {
  const time = createManualTime();
  const storage = createDelayedStorage(createMemoryStorage({ clock: time.clock }), {
    ...time,
    random: createSeededRandom(3),
    shuffleWindow: 10,
  });
  for (let i = 0; i < 30; i++) await storage.putBlob(parseBlobID(`n${i}`), new Uint8Array(i));
  const first = await listed(storage);
  const second = await listed(storage);
  expect(first).not.toEqual(second);
  expect([...first].sort()).toEqual([...second].sort());
  expect(first).toHaveLength(30);
});

it('waits within the latency it was given, and no longer once aborted', async () => {
  const time = createManualTime();
  const storage = createDelayedStorage(createMemoryStorage({ clock: time.clock }), {
    ...time,
    random: createSeededRandom(3),
    latencyMilliseconds: { put: [10, 20] },
  });
  for (let i = 0; i < 20; i++) await storage.putBlob(id, new Uint8Array(0));
  expect(Math.min(...time.sleeps)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...time.sleeps)).toBeLessThanOrEqual(20);
  expect(new Set(time.sleeps).size).toBeGreaterThan(10);
});
