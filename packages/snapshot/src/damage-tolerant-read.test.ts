import {
  encodeUtf8,
  LongshoreError,
  objectReference,
  openRepository,
  systemSleep,
  type ContentID,
  type ContentReader,
  type MemoryStorage,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { createFaultyStorage } from '@longshore/repo/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { readDespiteDamage } from './damage-tolerant-read.ts';
import { createTestRepository } from './tree-fixture.ts';

const algorithms = nativeAlgorithms();
/** Contents of two packs: each writer fills its own. */
const groups: ContentID[][] = [];
let storage: MemoryStorage;
beforeAll(async () => {
  const created = await createTestRepository(algorithms);
  storage = created.storage;
  for (const group of [0, 1]) {
    await using writer = created.repository.newWriter();
    const texts = Array.from({ length: 20 }, (_, i) => encodeUtf8(`content ${i} of ${group}`));
    const ids = await writer.writeObjects(texts);
    await writer.flush();
    groups.push(ids.map((id) => objectReference(id).contentID));
  }
});

/** Over storage where getting a pack of one group fails with the error, or comes changed. */
async function read(
  change: { readonly group?: number; readonly error?: unknown; readonly bitAt?: ContentID },
  visit: (id: ContentID) => void = () => {},
) {
  let pack: string | undefined;
  let contents: ContentReader | undefined;
  const changing = {
    displayName: 'changing',
    getMetadata: storage.getMetadata.bind(storage),
    listBlobs: storage.listBlobs.bind(storage),
    getBlob: async (...[id, options]: Parameters<MemoryStorage['getBlob']>) => {
      if (id === pack && change.error !== undefined) throw change.error;
      const data = await storage.getBlob(id, options);
      const info = change.bitAt && contents?.contentInfo(change.bitAt);
      const offset = info ? info.packOffset - (options?.range?.offset ?? 0) : -1;
      if (info && id === info.packBlobID && offset >= 0 && offset < data.length) data[offset]! ^= 1;
      return data;
    },
  };
  await using repository = await openRepository({
    storage: changing,
    password: 'test',
    algorithms,
  });
  ({ contents } = repository);
  if (change.group !== undefined) {
    pack = repository.contents.contentInfo(groups[change.group]![0]!)!.packBlobID;
  }
  const visited: ContentID[] = [];
  const damaged = new Map<ContentID, unknown>();
  await readDespiteDamage(
    repository.contents,
    [...groups.flat(), ...groups.flat(), 'ff00ff00' as ContentID],
    (id) => {
      visited.push(id);
      visit(id);
    },
    { onDamage: (id, error) => void damaged.set(id, error) },
  );
  return { visited, damaged };
}

const notFound = new LongshoreError('BLOB_NOT_FOUND', 'gone');

describe('readDespiteDamage', () => {
  it('visits each distinct content once and reports the one that no index has', async () => {
    const { visited, damaged } = await read({});
    expect(visited.toSorted()).toEqual(groups.flat().toSorted());
    expect([...damaged]).toEqual([
      ['ff00ff00', expect.objectContaining({ code: 'CONTENT_NOT_FOUND' })],
    ]);
  });

  it('loses only the contents of a missing pack', async () => {
    const { visited, damaged } = await read({ group: 0, error: notFound });
    expect(visited.toSorted()).toEqual(groups[1]!.toSorted());
    damaged.delete('ff00ff00' as ContentID);
    expect([...damaged.keys()].toSorted()).toEqual(groups[0]!.toSorted());
  });

  it('loses only the content in which a bit is wrong', async () => {
    const bitAt = groups[1]![7]!;
    const { visited, damaged } = await read({ bitAt });
    damaged.delete('ff00ff00' as ContentID);
    expect(visited.toSorted()).toEqual(
      groups
        .flat()
        .filter((id) => id !== bitAt)
        .toSorted(),
    );
    expect([...damaged]).toEqual([
      [
        bitAt,
        expect.objectContaining({
          code: 'CORRUPT_DATA',
          facts: expect.objectContaining({ contentID: bitAt }),
        }),
      ],
    ]);
  });

  it('throws when the storage fails, for then nothing is known to be damaged', async () => {
    const error = new LongshoreError('STORAGE_FAILED', 'no answer');
    await expect(read({ group: 1, error })).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });

  it('throws what a visit throws, even if it looks like damage', async () => {
    const error = new LongshoreError('CORRUPT_DATA', 'from the visit');
    const visited: ContentID[] = [];
    const reading = read({}, (id) => {
      visited.push(id);
      throw error;
    });
    await expect(reading).rejects.toBe(error);
    // One for each pack that was being read.
    expect(visited.length).toBeLessThanOrEqual(2);
    expect(new Set(visited).size).toBe(visited.length);
  });

  it('reports nothing as damaged when it is aborted', async () => {
    const controller = new AbortController();
    const faulty = createFaultyStorage(storage, { sleep: systemSleep });
    await using repository = await openRepository({
      storage: faulty,
      password: 'test',
      algorithms,
    });
    const damaged: ContentID[] = [];
    const reading = readDespiteDamage(
      repository.contents,
      groups.flat(),
      () => controller.abort(notFound),
      { onDamage: (id) => void damaged.push(id), signal: controller.signal },
    );
    await expect(reading).rejects.toBe(notFound);
    expect(damaged).toEqual([]);
  });
});
