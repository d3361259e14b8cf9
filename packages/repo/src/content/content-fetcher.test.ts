import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decorateStorage } from '../blob/decorate-storage.ts';
import type { BlobStorage } from '../blob/storage.ts';
import { equalBytes } from '../bytes.ts';
import { createMemoryCache, type ContentCache } from './content-cache.ts';
import type { ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentKernel } from './content-kernel.ts';
import type {
  ContentPreparer,
  DestinedContent,
  FilePlace,
  InPlaceOpener,
  Slot,
  StoredContent,
} from './content-preparer.ts';
import { createContentWorld, seededBytes, type ContentWorld } from './content-world.ts';
import { createSlotPool } from './in-thread-preparer.ts';

/** Counts the requests for packs, and how many run at once. */
function counted(): {
  readonly around: (storage: BlobStorage) => BlobStorage;
  readonly requests: { readonly id: string; readonly length: number }[];
  readonly most: () => number;
} {
  const requests: { readonly id: string; readonly length: number }[] = [];
  let running = 0;
  let most = 0;
  return {
    requests,
    most: () => most,
    around: (storage) =>
      decorateStorage(storage, {
        async getBlob(id, options) {
          if (!/^[pq]/.test(id)) return storage.getBlob(id, options);
          requests.push({ id, length: options?.range?.length ?? Infinity });
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return storage.getBlob(id, options);
        },
      }),
  };
}

async function worldWith(
  sizes: readonly number[],
  prefix: '' | 'k' = '',
): Promise<{
  readonly world: ContentWorld;
  readonly contents: ReadonlyMap<ContentID, Uint8Array>;
}> {
  const world = await createContentWorld();
  const writer = (await world.openClient()).newWriter();
  const contents = new Map<ContentID, Uint8Array>();
  for (const [seed, size] of sizes.entries()) {
    const data = seededBytes(seed, size);
    contents.set(await writer.writeContent(data, { prefix }), data);
  }
  await writer.flush();
  return { world, contents };
}

describe('reading many contents', () => {
  it('visits each once, whole, within its bounds', async () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 500, 5_000, 30_000), {
      minLength: 1,
      maxLength: 25,
    });
    const property = fc.asyncProperty(
      sizes,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 100_000 }),
      async (lengths, parallelism, memoryLimit) => {
        const { world, contents } = await worldWith(lengths);
        const { around, most } = counted();
        const { committed } = await world.openClient({ around });
        const seen = new Map<ContentID, Uint8Array>();
        const visit = (id: ContentID, data: Uint8Array): void => {
          expect(seen.has(id)).toBe(false);
          seen.set(id, data);
        };
        await committed.readContents(contents.keys(), visit, { parallelism, memoryLimit });
        expect(seen.size).toBe(contents.size);
        for (const [id, data] of contents) expect(equalBytes(seen.get(id)!, data)).toBe(true);
        expect(most()).toBeLessThanOrEqual(parallelism);
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });

  it('fetches neighbours with one request', async () => {
    const { world, contents } = await worldWith([500, 500, 500, 500]);
    const { around, requests } = counted();
    const { committed } = await world.openClient({ around });
    await committed.readContents([...contents.keys()].toReversed(), () => undefined);
    expect(requests.map(({ length }) => length)).toEqual([4 * 528]);
  });

  it('stops at the first failure, of a visit or of the storage', async () => {
    const { world, contents } = await worldWith([500, 70_000, 70_000, 70_000]);
    const { committed } = await world.openClient();
    const failure = new Error('full');
    const failing = committed.readContents(contents.keys(), () => Promise.reject(failure), {
      parallelism: 1,
    });
    await expect(failing).rejects.toBe(failure);
    world.storage.addFault({
      operation: 'get',
      idPrefix: 'p',
      fault: { kind: 'error-before', error: failure },
    });
    await expect(committed.readContents(contents.keys(), () => undefined)).rejects.toBe(failure);
  });

  it('waits for each visit, and for those under way before it throws', async () => {
    const { world, contents } = await worldWith([70_000, 70_000, 70_000]);
    const { committed } = await world.openClient();
    let visiting = 0;
    const visit = async (): Promise<void> => {
      visiting++;
      await new Promise((resolve) => setImmediate(resolve));
      visiting--;
      throw new Error('enough');
    };
    await expect(
      committed.readContents(contents.keys(), visit, { parallelism: 3 }),
    ).rejects.toThrow('enough');
    expect(visiting).toBe(0);
  });
});

function storedIn({ bytes }: Slot, { info, start }: DestinedContent): StoredContent {
  return { info, bytes: bytes.subarray(start, start + info.packedLength) };
}

/** Opens in one buffer, on the calling thread; places are kept for the test to see. */
function openingInPlace(
  kernel: ContentKernel,
  bufferLength: number,
  written: Map<FilePlace, Uint8Array> = new Map(),
): (preparer: ContentPreparer) => ContentPreparer {
  const buffers = createSlotPool({ slotSize: bufferLength, count: 1 });
  const inPlace: InPlaceOpener = {
    bufferLength,
    acquire: (options) => buffers.acquire(options),
    open: async (buffer, batch) =>
      kernel
        .openInPlace(batch.map((content) => storedIn(buffer, content)))
        .map((outcome, index) => {
          const { places } = batch[index]!;
          if ('error' in outcome || places === undefined) return outcome;
          for (const place of places) written.set(place, outcome.data.slice());
          const { length } = outcome.data;
          return { length, failures: places.map(() => undefined), repaired: outcome.repaired };
        }),
  };
  return (preparer) => ({ ...preparer, inPlace });
}

describe('reading in place', () => {
  const sizes = [0, 10, 30_000, 70_000, 150_000, 700];

  it('visits or places each once, whole, whatever the storage does with the room', async () => {
    const { world, contents } = await worldWith(sizes);
    const ids = [...contents.keys()];
    for (const bufferLength of [100, 100_000, 1_000_000]) {
      for (const usesRoom of [true, false]) {
        const places = new Map<FilePlace, Uint8Array>();
        const { committed } = await world.openClient({
          around: (storage) =>
            decorateStorage(storage, {
              async getBlob(id, options = {}) {
                const bytes = await storage.getBlob(id, options);
                if (!usesRoom || options.into === undefined) return bytes;
                options.into.set(bytes);
                return options.into.subarray(0, bytes.length);
              },
            }),
          aroundPreparer: openingInPlace(world.kernel, bufferLength, places),
        });
        const seen = new Map<ContentID, Uint8Array>();
        const placeOf = (id: ContentID): FilePlace => ({
          fd: -1,
          position: ids.indexOf(id),
          length: contents.get(id)!.length,
          holeSize: 0,
        });
        await committed.readContents(ids, (id, data) => void seen.set(id, data.slice()), {
          borrow: true,
          destinations: {
            placesOf: async (id) =>
              ids.indexOf(id) % 2 === 0 ? [placeOf(id), placeOf(id)] : undefined,
            written: async (id, { length, failures }) => {
              expect(length).toBe(contents.get(id)!.length);
              expect(failures).toEqual([undefined, undefined]);
              expect(seen.has(id)).toBe(false);
              const copies = [...places].filter(([{ position }]) => position === ids.indexOf(id));
              expect(copies.map(([, data]) => data)).toEqual([contents.get(id), contents.get(id)]);
              seen.set(id, copies[0]![1]);
            },
          },
        });
        expect(seen.size).toBe(contents.size);
        for (const [id, data] of contents) expect(equalBytes(seen.get(id)!, data)).toBe(true);
      }
    }
  });

  it('delivers what is sound before it fails for what is not', async () => {
    const { world, contents } = await worldWith([500, 600, 700, 800, 900]);
    const ids = [...contents.keys()];
    let damaged: ContentInfo | undefined;
    const { committed } = await world.openClient({
      around: (storage) =>
        decorateStorage(storage, {
          async getBlob(id, options = {}) {
            const bytes = await storage.getBlob(id, options);
            const start = options.range?.offset ?? 0;
            if (damaged?.packBlobID === id) bytes[damaged.packOffset - start + 20]! ^= 1;
            return bytes;
          },
        }),
      aroundPreparer: openingInPlace(world.kernel, 1_000_000),
    });
    damaged = committed.contentInfo(ids[3]!);
    const seen: ContentID[] = [];
    await expect(
      committed.readContents(ids, (id) => void seen.push(id), { borrow: true }),
    ).rejects.toMatchObject({ code: 'CORRUPT_DATA', facts: { contentID: ids[3] } });
    expect(seen.toSorted()).toEqual(ids.filter((id) => id !== ids[3]).toSorted());
  });

  it('leaves to the cache what the cache may keep', async () => {
    const { world, contents } = await worldWith([500, 600], 'k');
    const cache = createMemoryCache(1_000_000);
    const { committed } = await world.openClient({
      cache,
      aroundPreparer: openingInPlace(world.kernel, 1_000_000),
    });
    for (let turn = 0; turn < 2; turn++) {
      const seen = new Map<ContentID, Uint8Array>();
      await committed.readContents(contents.keys(), (id, data) => void seen.set(id, data), {
        borrow: true,
      });
      expect(seen).toEqual(new Map(contents));
    }
  });
});

describe('a cache', () => {
  it('keeps contents with a prefix, from single and from bulk reads, and no others', async () => {
    for (const bulk of [false, true]) {
      const directories = await worldWith([500, 600], 'k');
      const { around, requests } = counted();
      const cache = createMemoryCache(1_000_000);
      const { committed } = await directories.world.openClient({ around, cache });
      const ids = [...directories.contents.keys()];
      if (bulk) await committed.readContents(ids, () => undefined);
      else for (const id of ids) await committed.getContent(id);
      const before = requests.length;
      for (const [id, data] of directories.contents)
        expect(await committed.getContent(id)).toEqual(data);
      const seen: ContentID[] = [];
      await committed.readContents(ids, (id) => void seen.push(id));
      expect(seen.toSorted()).toEqual(ids.toSorted());
      expect(requests).toHaveLength(before);
    }
    const files = await worldWith([500]);
    const { around, requests } = counted();
    const { committed } = await files.world.openClient({
      around,
      cache: createMemoryCache(1_000_000),
    });
    const [id] = files.contents.keys();
    await committed.getContent(id!);
    await committed.getContent(id!);
    expect(requests).toHaveLength(2);
  });

  it('that holds something else is passed over', async () => {
    const { world, contents } = await worldWith([500], 'k');
    const [[id, data]] = [...contents] as [[ContentID, Uint8Array]];
    for (const length of [528, 527, 0]) {
      const cache: ContentCache = {
        get: async () => new Uint8Array(length),
        has: async () => true,
        put: async () => undefined,
      };
      const { committed } = await world.openClient({ cache });
      expect(await committed.getContent(id)).toEqual(data);
      const seen: Uint8Array[] = [];
      await committed.readContents([id], (_, read) => void seen.push(read));
      expect(seen).toEqual([data]);
    }
  });
});

describe('reading ahead', () => {
  it('fetches what a cache lacks with one request, after which nothing else is asked', async () => {
    const { world, contents } = await worldWith([400, 500, 600, 700], 'k');
    const { around, requests } = counted();
    const cache = createMemoryCache(1_000_000);
    const { committed } = await world.openClient({ around, cache });
    await committed.readAhead(contents.keys());
    expect(requests).toHaveLength(1);
    for (const [id, data] of contents) {
      expect(equalBytes(await committed.getContent(id), data)).toBe(true);
    }
    await committed.readAhead(contents.keys());
    expect(requests).toHaveLength(1);
  });

  it('does nothing without a cache, for file data, and for what is not there', async () => {
    const { around, requests } = counted();
    const metadata = await worldWith([400, 500], 'k');
    const uncached = await metadata.world.openClient({ around });
    await uncached.committed.readAhead(metadata.contents.keys());
    const data = await worldWith([400, 500]);
    const cache = createMemoryCache(1_000_000);
    const cached = await data.world.openClient({ around, cache });
    await cached.committed.readAhead([...data.contents.keys(), ...metadata.contents.keys()]);
    expect(requests).toEqual([]);
  });
});

it('manifests and index blobs that were just written need not be fetched again', async () => {
  const world = await createContentWorld();
  const cache = createMemoryCache(1_000_000);
  const writer = (await world.openClient({ cache })).newWriter();
  const id = await writer.writeContent(seededBytes(1, 300), { prefix: 'm' });
  await writer.flush();
  const gets: string[] = [];
  const around = (storage: BlobStorage): BlobStorage =>
    decorateStorage(storage, {
      getBlob: (blobID, options) => {
        gets.push(blobID);
        return storage.getBlob(blobID, options);
      },
    });
  const { committed } = await world.openClient({ around, cache });
  expect(equalBytes(await committed.getContent(id), seededBytes(1, 300))).toBe(true);
  expect(gets).toEqual([]);
});
