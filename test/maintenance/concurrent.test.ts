import { type BlobStorage } from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import {
  createSeededRandom,
  type RandomNumber,
} from '../../packages/repo/src/blob/seeded-random.ts';
import { DAY, HOUR, uniqueText, VirtualRepository } from './virtual-repository.ts';

/** Lets others go first now and then, by chance. */
function yielding(inner: BlobStorage, random: RandomNumber): BlobStorage {
  async function pause(): Promise<void> {
    for (let turns = Math.floor(random() * 20); turns > 0; turns--) await Promise.resolve();
  }
  return decorateStorage(inner, {
    getBlob: async (id, options) => {
      await pause();
      return inner.getBlob(id, options);
    },
    putBlob: async (id, data, options) => {
      await pause();
      await inner.putBlob(id, data, options);
      await pause();
    },
    deleteBlob: async (id, options) => {
      await pause();
      await inner.deleteBlob(id, options);
      await pause();
    },
    async *listBlobs(prefix, options) {
      await pause();
      yield* inner.listBlobs(prefix, options);
    },
  });
}

it.each([1, 3] as const)(
  'two clients that maintain at once lose nothing, format version %i',
  async (version) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = createSeededRandom(seed);
        const virtual = await VirtualRepository.create({ version });
        const expired = await virtual.snapshot({ a: uniqueText('a'), b: uniqueText('b') });
        for (let i = 0; i < 3; i++) await virtual.snapshot({ i: uniqueText(`${i}`) }, `/${i}`);
        await using one = await virtual.over(yielding(virtual.storage, random));
        await using two = await virtual.over(yielding(virtual.storage, random));
        await virtual.deleteSnapshot(expired);
        const expected = await virtual.read();
        for (let day = 0; day < 5; day++) {
          virtual.time.advance(DAY);
          const runs = [one, two].map((client) =>
            maintainRepository(client, { mode: random() < 0.7 ? 'full' : 'quick' }),
          );
          await Promise.allSettled(runs);
          virtual.time.advance(2n * HOUR);
          expect(await virtual.read()).toEqual(expected);
        }
        await virtual.maintain();
        expect(await virtual.read()).toEqual(expected);
      }),
      { numRuns: 6 },
    );
  },
);
