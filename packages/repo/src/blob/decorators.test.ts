import { expect, it } from 'vitest';

import { createFaultyStorage } from './faulty-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { createObservedStorage, createStorageCounters } from './observed.ts';
import { createPrefixedStorage } from './prefixed.ts';
import { createReadOnlyStorage } from './read-only.ts';
import { parseBlobID } from './storage.ts';
import type { BlobStorage } from './storage.ts';

const time = createManualTime();
const memory = () => createMemoryStorage({ clock: time.clock });
const id = parseBlobID('p1');
const retention = { mode: 'GOVERNANCE', periodNanoseconds: 1n } as const;

async function ids(storage: BlobStorage, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const blob of storage.listBlobs(prefix)) found.push(blob.id);
  return found;
}

it('reads but does not write through a read-only storage', async () => {
  const inner = memory();
  await inner.putBlob(id, new Uint8Array(3));
  const storage = createReadOnlyStorage(inner);
  expect((await storage.getBlob(id)).length).toBe(3);
  expect((await storage.getMetadata(id)).length).toBe(3);
  expect(await ids(storage)).toEqual(['p1']);
  const refused = { code: 'READ_ONLY', retryable: false };
  await expect(storage.putBlob(id, new Uint8Array(1))).rejects.toMatchObject(refused);
  await expect(storage.deleteBlob(id)).rejects.toMatchObject(refused);
  await expect(storage.extendRetention?.(id, retention)).rejects.toMatchObject(refused);
  expect((await inner.getBlob(id)).length).toBe(3);
  expect(inner.lockOf(id)).toBeUndefined();
});

it('offers to extend locks only if the storage beneath does', () => {
  const bare: BlobStorage = createReadOnlyStorage(memory());
  delete bare.extendRetention;
  expect('extendRetention' in createReadOnlyStorage(bare)).toBe(false);
  expect('extendRetention' in createPrefixedStorage(memory(), 'x')).toBe(true);
});

it('keeps two prefixes of one storage apart', async () => {
  const inner = memory();
  const first = createPrefixedStorage(inner, 'a-');
  const second = createPrefixedStorage(inner, 'b-');
  await first.putBlob(id, new Uint8Array(1));
  await second.putBlob(id, new Uint8Array(2));
  await second.putBlob(parseBlobID('q2'), new Uint8Array(2));
  expect(await ids(inner)).toEqual(['a-p1', 'b-p1', 'b-q2']);
  expect(await ids(first)).toEqual(['p1']);
  expect(await ids(second, 'q')).toEqual(['q2']);
  expect(await second.getMetadata(id)).toMatchObject({ id: 'p1', length: 2 });
  await first.deleteBlob(id);
  expect(await ids(second)).toEqual(['p1', 'q2']);
  const long = parseBlobID('x'.repeat(249));
  await expect(first.getBlob(long)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

it('counts calls, bytes, blobs, failures and aborts of each operation', async () => {
  const { counters, onEvent } = createStorageCounters();
  const faulty = createFaultyStorage(memory(), {
    sleep: time.sleep,
    script: [
      { operation: 'put', skip: 1, fault: { kind: 'error-before' } },
      { operation: 'get', fault: { kind: 'delay', milliseconds: 5 } },
    ],
  });
  const storage = createObservedStorage(faulty, { clock: time.clock, onEvent });
  await storage.putBlob(id, [new Uint8Array(3), new Uint8Array(4)]);
  await expect(storage.putBlob(id, new Uint8Array(9))).rejects.toThrow('injected failure');
  await storage.getBlob(id);
  await storage.getBlob(id, { range: { offset: 1, length: 2 } });
  await expect(storage.getBlob(id, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  expect(await ids(storage)).toEqual(['p1']);
  await storage.deleteBlob(id);
  await expect(storage.getMetadata(id)).rejects.toThrow('not found');
  expect(counters.put).toMatchObject({ calls: 2, failures: 1, aborts: 0, bytes: 7 });
  expect(counters.get).toMatchObject({ calls: 3, failures: 0, aborts: 1, bytes: 9 });
  expect(counters.get.longestNanoseconds).toBeGreaterThanOrEqual(5_000_000n);
  expect(counters.get.durationNanoseconds).toBeLessThan(6_000_000n);
  expect(counters.list).toMatchObject({ calls: 1, blobs: 1 });
  expect(counters.delete.calls).toBe(1);
  expect(counters.metadata.failures).toBe(1);
});

it('reports a listing once, whether its reader finishes, stops or throws', async () => {
  const outcomes: string[] = [];
  const inner = memory();
  for (const name of ['n1', 'n2', 'n3']) await inner.putBlob(parseBlobID(name), new Uint8Array(1));
  const storage = createObservedStorage(inner, {
    clock: time.clock,
    onEvent: ({ operation, outcome, blobs }) => outcomes.push(`${operation} ${outcome} ${blobs}`),
  });
  await ids(storage);
  for await (const blob of storage.listBlobs('')) if (blob.id === 'n2') break;
  const throwing = async (): Promise<void> => {
    for await (const blob of storage.listBlobs('')) throw new Error(blob.id);
  };
  await expect(throwing()).rejects.toThrow('n1');
  expect(outcomes).toEqual(['list succeeded 3', 'list succeeded 2', 'list succeeded 1']);
});
