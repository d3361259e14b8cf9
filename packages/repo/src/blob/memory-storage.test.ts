import { expect, it } from 'vitest';

import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { parseBlobID } from './storage.ts';

const id = parseBlobID('p1');
const day = 86_400_000_000_000n;

it('assigns its own clock to each put, and lets a test change it', async () => {
  const time = createManualTime();
  const storage = createMemoryStorage({ clock: time.clock });
  await storage.putBlob(id, new Uint8Array(1));
  const first = await storage.getMetadata(id);
  time.advance(day);
  await storage.putBlob(id, new Uint8Array(1));
  const second = await storage.getMetadata(id);
  expect(second.timestamp - first.timestamp).toBe(day + 1_000n);
  storage.setTimestamp(id, 42n);
  expect(await storage.getMetadata(id)).toEqual({ id, length: 1, timestamp: 42n });
});

it('remembers the lock of a put and of an extension', async () => {
  const time = createManualTime(0n);
  const storage = createMemoryStorage({ clock: time.clock });
  const retention = { mode: 'COMPLIANCE', periodNanoseconds: day } as const;
  await storage.putBlob(id, new Uint8Array(1), { retention });
  expect(storage.lockOf(id)).toEqual({ mode: 'COMPLIANCE', retainUntil: day + 1_000n });
  time.advance(day);
  await storage.extendRetention?.(id, retention);
  expect(storage.lockOf(id)?.retainUntil).toBe(2n * day + 2_000n);
  await storage.putBlob(id, new Uint8Array(1));
  expect(storage.lockOf(id)).toBeUndefined();
});

it('cannot extend the lock of a missing blob', async () => {
  const storage = createMemoryStorage({ clock: createManualTime().clock });
  const retention = { mode: 'GOVERNANCE', periodNanoseconds: day } as const;
  await expect(storage.extendRetention?.(id, retention)).rejects.toMatchObject({
    code: 'BLOB_NOT_FOUND',
  });
});
