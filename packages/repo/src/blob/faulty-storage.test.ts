import { expect, it } from 'vitest';

import { createFaultyStorage } from './faulty-storage.ts';
import type { RandomFaults } from './faulty-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { parseBlobID } from './storage.ts';

const time = createManualTime();
const memory = () => createMemoryStorage({ clock: time.clock });
const id = parseBlobID('p1');
const data = new Uint8Array(10).fill(3);

it('fails without effect or after the effect, as the script says', async () => {
  const inner = memory();
  const storage = createFaultyStorage(inner, {
    sleep: time.sleep,
    script: [
      { operation: 'put', fault: { kind: 'error-before' } },
      { operation: 'put', fault: { kind: 'error-after', error: new Error('lost answer') } },
    ],
  });
  await expect(storage.putBlob(id, data)).rejects.toMatchObject({ retryable: true });
  await expect(inner.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  await expect(storage.putBlob(id, data)).rejects.toThrow('lost answer');
  expect(await inner.getBlob(id)).toEqual(data);
  expect(storage.struck.map(({ fault }) => fault.kind)).toEqual(['error-before', 'error-after']);
  expect(storage.pendingFaults()).toEqual([]);
});

it('strikes only matching calls, after those it was told to skip', async () => {
  const storage = createFaultyStorage(memory(), {
    sleep: time.sleep,
    script: [
      { operation: 'get', idPrefix: 'p', skip: 1, times: 2, fault: { kind: 'error-before' } },
    ],
  });
  const other = parseBlobID('q1');
  await storage.putBlob(id, data);
  await storage.putBlob(other, data);
  await storage.getBlob(id);
  await storage.getBlob(other);
  expect(storage.pendingFaults()).toHaveLength(1);
  await expect(storage.getBlob(id)).rejects.toThrow('injected failure');
  await storage.getBlob(other);
  await expect(storage.getBlob(id)).rejects.toThrow('injected failure');
  expect(await storage.getBlob(id)).toEqual(data);
});

it('hands over truncated reads and broken listings', async () => {
  const storage = createFaultyStorage(memory(), { sleep: time.sleep });
  for (const name of ['n1', 'n2', 'n3']) await storage.putBlob(parseBlobID(name), data);
  storage.addFault({ operation: 'get', fault: { kind: 'truncate', length: 4 } });
  expect((await storage.getBlob(parseBlobID('n1'))).length).toBe(4);
  const listed = async (): Promise<string[]> => {
    const ids: string[] = [];
    try {
      for await (const blob of storage.listBlobs('n')) ids.push(blob.id);
    } catch {
      ids.push('failed');
    }
    return ids;
  };
  storage.addFault({ operation: 'list', fault: { kind: 'error-after', items: 2 } });
  expect(await listed()).toEqual(['n1', 'n2', 'failed']);
  storage.addFault({ operation: 'list', fault: { kind: 'error-after', items: 0 } });
  expect(await listed()).toEqual(['failed']);
  storage.addFault({ operation: 'list', fault: { kind: 'truncate', length: 1 } });
  expect(await listed()).toEqual(['n1']);
  expect(await listed()).toEqual(['n1', 'n2', 'n3']);
});

it('draws the same faults from the same seed', async () => {
  const random: RandomFaults = {
    seed: 5,
    probability: 0.5,
    operations: ['put'],
    faults: [{ kind: 'error-before' }, { kind: 'error-after' }],
  };
  const runOnce = async (): Promise<string> => {
    const storage = createFaultyStorage(memory(), { sleep: time.sleep, random });
    let outcome = '';
    for (let i = 0; i < 40; i++) {
      outcome += await storage.putBlob(id, data).then(
        () => '.',
        () => 'x',
      );
    }
    return outcome;
  };
  const first = await runOnce();
  expect(first).toMatch(/x/);
  expect(first).toMatch(/\./);
  expect(await runOnce()).toBe(first);
});
