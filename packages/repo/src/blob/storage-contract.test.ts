import { describe, expect, it } from 'vitest';

import { bytesParts } from '../bytes.ts';
import { decorateStorage } from './decorate-storage.ts';
import type { StorageOverrides } from './decorate-storage.ts';
import { createDelayedStorage } from './delayed-storage.ts';
import { createFaultyStorage } from './faulty-storage.ts';
import { createManualTime } from './manual-time.ts';
import { createMemoryStorage } from './memory-storage.ts';
import { createObservedStorage } from './observed.ts';
import { createPrefixedStorage } from './prefixed.ts';
import { createRetryingStorage } from './retrying.ts';
import { createSeededRandom } from './seeded-random.ts';
import { blobStorageContract } from './storage.contract.ts';
import type { BlobStorage } from './storage.ts';
import { createThrottledStorage } from './throttling.ts';

const time = createManualTime();
const { clock, sleep } = time;
const memory = (): BlobStorage => createMemoryStorage({ clock });

const storages: readonly (readonly [string, () => BlobStorage])[] = [
  ['memory', memory],
  [
    'memory without extras',
    () => createMemoryStorage({ clock, capabilities: { objectLock: false, putIfAbsent: false } }),
  ],
  ['prefixed', () => createPrefixedStorage(memory(), 'tenant-1.')],
  ['observed', () => createObservedStorage(memory(), { clock, onEvent: () => {} })],
  [
    'throttled',
    () =>
      createThrottledStorage(memory(), {
        clock,
        sleep,
        limits: {
          readsPerSecond: 50,
          writesPerSecond: 50,
          listsPerSecond: 5,
          maxUploadSpeedBytesPerSecond: 100_000,
          maxDownloadSpeedBytesPerSecond: 100_000,
          concurrentReads: 1,
          concurrentWrites: 2,
        },
      }),
  ],
  ['faulty without faults', () => createFaultyStorage(memory(), { sleep })],
  [
    'slow, with shuffled listings',
    () =>
      createDelayedStorage(memory(), {
        clock,
        sleep,
        random: createSeededRandom(7),
        shuffleWindow: 20,
        latencyMilliseconds: { get: [1, 50], list: [5, 10], put: [20, 100] },
      }),
  ],
  [
    'retrying over random faults',
    () =>
      createRetryingStorage(
        createFaultyStorage(memory(), {
          sleep,
          random: {
            seed: 11,
            probability: 0.3,
            operations: ['get', 'metadata', 'list', 'put', 'delete'],
            faults: [
              { kind: 'error-before' },
              { kind: 'error-after', items: 3 },
              { kind: 'delay', milliseconds: 10 },
            ],
          },
        }),
        { clock, sleep, random: createSeededRandom(12), policy: { maxAttempts: 30 } },
      ),
  ],
];

describe.each(storages)('%s storage', (_name, create) => {
  it.each(blobStorageContract)('$name', async ({ run }) => {
    await expect(run({ storage: create(), manyBlobs: 150 })).resolves.toBeUndefined();
  });
});

/** Storages with one defect each. */
const broken: readonly (readonly [string, StorageOverrides])[] = [
  ['cuts ranges short', { getBlob: async (id) => (await good.getBlob(id)).slice(0, 5) }],
  ['shares its buffers', { getBlob: async () => shared }],
  ['lists whatever there is', { listBlobs: (_prefix, options) => good.listBlobs('', options) }],
  ['never lists', { async *listBlobs() {} }],
  ['forgets to delete', { deleteBlob: async () => {} }],
  [
    'complains about a second delete',
    {
      async deleteBlob(id, options) {
        await good.getMetadata(id, options);
        await good.deleteBlob(id, options);
      },
    },
  ],
  ['ignores signals', { putBlob: (id, data) => good.putBlob(id, data) }],
  [
    'ignores that the blob is there',
    {
      putBlob: (id, data, { ifAbsent: _ignored, ...options } = {}) =>
        good.putBlob(id, data, options),
    },
  ],
  [
    'keeps only the first piece',
    { putBlob: (id, data, options) => good.putBlob(id, bytesParts(data)[0] ?? [], options) },
  ],
];
let good: BlobStorage = memory();
const shared = new Uint8Array(1000);

it.each(broken)('the contract notices a storage that %s', async (_defect, overrides) => {
  const failures: string[] = [];
  for (const { name, run } of blobStorageContract) {
    good = memory();
    await run({ storage: decorateStorage(good, overrides) }).catch(() => failures.push(name));
  }
  expect(failures).not.toEqual([]);
});
