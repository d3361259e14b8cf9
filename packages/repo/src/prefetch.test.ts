import { beforeAll, describe, expect, it } from 'vitest';
import { decorateStorage } from './blob/decorate-storage.ts';
import { createMemoryStorage } from './blob/memory-storage.ts';
import { createSystemClock } from './clock.ts';
import { createMemoryCache } from './content/content-cache.ts';
import { seededBytes } from './content/content-world.ts';
import { createRepository } from './create.ts';
import type { ObjectID } from './object/object-id.ts';
import { openRepository } from './open.ts';
import { portableAlgorithms } from './portable-algorithms.ts';
import { prefetchMetadata, prefetchObjects } from './prefetch.ts';
import { writeSession, type OpenRepository } from './repository.ts';

const COMMON = { password: 'test', algorithms: portableAlgorithms() } as const;

const storage = createMemoryStorage({ clock: createSystemClock() });
const files: ObjectID[] = [];
const metadata: ObjectID[] = [];

/** Two packs of file data with two objects each, and two metadata objects. */
beforeAll(async () => {
  await using repository = await createRepository({
    ...COMMON,
    storage,
    keyDerivation: 'pbkdf2-sha256-600000',
  });
  for (const seed of [10, 20]) {
    await writeSession(repository, {}, async (writer) => {
      for (const offset of [0, 1]) {
        files.push(await writer.writeObject(seededBytes(seed + offset, 3_000_000)));
      }
      metadata.push(await writer.writeObject(seededBytes(seed, 500), { prefix: 'k' }));
    });
  }
});

/** Opens with a cache, and counts what is read of packs. */
async function open(): Promise<{
  readonly repository: OpenRepository;
  readonly reads: readonly string[];
}> {
  const reads: string[] = [];
  const counting = decorateStorage(storage, {
    getBlob: (id, options) => {
      if (/^[pq]/.test(id)) reads.push(id);
      return storage.getBlob(id, options);
    },
  });
  const repository = await openRepository({
    ...COMMON,
    storage: counting,
    cache: createMemoryCache(20_000_000),
  });
  return { repository, reads };
}

async function readAll(repository: OpenRepository, id: ObjectID): Promise<number> {
  await using reader = await repository.openObject(id);
  return (await reader.read({ offset: 0, length: reader.length })).length;
}

describe('prefetching objects', () => {
  it.each([
    { hint: 'contents', whole: false },
    { hint: 'blobs', whole: true },
    { hint: 'default', whole: false },
    { hint: 'any other word', whole: false },
  ])('keeps whole packs with the hint $hint: $whole', async ({ hint, whole }) => {
    const { repository, reads } = await open();
    expect(await prefetchObjects(repository, [files[0]!], { hint })).toEqual({
      contents: 1,
      isCached: true,
    });
    const before = reads.length;
    expect(before).toBeGreaterThan(0);
    expect(await readAll(repository, files[0]!)).toBe(3_000_000);
    expect(reads).toHaveLength(before);
    await readAll(repository, files[1]!);
    expect(reads.length > before).toBe(!whole);
    await readAll(repository, files[2]!);
    expect(reads.length).toBeGreaterThan(before);
  });

  it('keeps a pack whole by default from two contents and 5 MB on', async () => {
    const { repository, reads } = await open();
    await prefetchObjects(repository, [...files.slice(0, 2), metadata[0]!]);
    const before = reads.length;
    for (const id of [...files.slice(0, 2), metadata[0]!]) await readAll(repository, id);
    expect(reads).toHaveLength(before);
  });

  it('reads nothing again, and nothing at all with the hint none or without a cache', async () => {
    const { repository, reads } = await open();
    await prefetchObjects(repository, files, { hint: 'none' });
    expect(reads).toEqual([]);
    await prefetchObjects(repository, files);
    const before = reads.length;
    expect(await prefetchObjects(repository, files)).toEqual({ contents: 4, isCached: true });
    expect(reads).toHaveLength(before);

    const uncached = await openRepository({ ...COMMON, storage });
    expect(await prefetchObjects(uncached, files)).toEqual({ contents: 4, isCached: false });
  });

  it('passes over an object that is not there', async () => {
    const { repository } = await open();
    const missing = files[0]!.replace(/^../, files[0]!.startsWith('00') ? '11' : '00') as ObjectID;
    const incomplete: ObjectID[] = [];
    const result = await prefetchObjects(repository, [missing, files[1]!], {
      onIncomplete: (id) => incomplete.push(id),
    });
    expect(result.contents).toBe(1);
    expect(incomplete).toEqual([missing]);
  });
});

describe('prefetching metadata', () => {
  it('leaves nothing to read but file data', async () => {
    const { repository, reads } = await open();
    const { contents } = await prefetchMetadata(repository, { parallelism: 2 });
    expect(contents).toBe(metadata.length);
    expect(reads.every((id) => id.startsWith('q'))).toBe(true);
    const before = reads.length;
    for (const id of metadata) expect(await readAll(repository, id)).toBe(500);
    expect(reads).toHaveLength(before);
    await readAll(repository, files[0]!);
    expect(reads.length).toBeGreaterThan(before);
  });
});
