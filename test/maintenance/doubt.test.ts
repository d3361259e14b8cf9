import {
  errorCode,
  parseBlobID,
  parseObjectID,
  type BlobID,
  type BlobStorage,
} from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { createFaultyStorage } from '../../packages/repo/src/blob/faulty-storage.ts';
import { dir, file, storeTree } from '../../packages/snapshot/src/tree-fixture.ts';
import { DAY, saveRoot, SECOND, uniqueText, VirtualRepository } from './virtual-repository.ts';

let virtual: VirtualRepository;

/** Ripe: without a doubt, full maintenance would delete packs. */
beforeEach(async () => {
  virtual = await VirtualRepository.create();
  const expired = await virtual.snapshot({ a: uniqueText('a') });
  await virtual.snapshot({ b: uniqueText('b') }, '/kept');
  await virtual.deleteSnapshot(expired);
  for (let day = 0; day < 3; day++) {
    virtual.time.advance(2n * DAY);
    await virtual.maintain();
  }
  // Its writer just stops: a process that was killed.
  const killed = (await virtual.open('writer')).newWriter();
  await killed.writeObject(new TextEncoder().encode(uniqueText('lost')));
  virtual.time.advance(10n * DAY);
});

const DATA_PREFIXES = ['p', 'q', 'x', 's'];

async function dataNames(): Promise<readonly string[]> {
  return (await virtual.names()).filter((name) => DATA_PREFIXES.includes(name[0]!));
}

/** Names of data that are gone after maintenance failed. */
async function deletedBy(
  storage: BlobStorage,
  prepare: () => Promise<unknown> = async () => undefined,
): Promise<{ readonly gone: readonly string[]; readonly error: unknown }> {
  await using repository = await virtual.over(storage);
  await prepare();
  const before = await dataNames();
  let error: unknown;
  try {
    await maintainRepository(repository, { mode: 'full', safety: 'none' });
  } catch (thrown) {
    error = thrown;
  }
  const after = new Set(await dataNames());
  return { gone: before.filter((name) => !after.has(name)), error };
}

async function damage(id: BlobID): Promise<void> {
  const bytes = await virtual.storage.getBlob(id);
  bytes[bytes.length >> 1]! ^= 1;
  await virtual.storage.putBlob(id, bytes);
}

describe('maintenance deletes nothing', () => {
  it('unless it may: here it would delete packs', async () => {
    const { gone, error } = await deletedBy(virtual.storage);
    expect(error).toBeUndefined();
    expect(gone.some((name) => name.startsWith('p'))).toBe(true);
  });

  it.each(['p', 'q', 's', 'x'])('when the listing of %s breaks off', async (idPrefix) => {
    const faulty = createFaultyStorage(virtual.storage, { sleep: virtual.time.sleep });
    const { gone, error } = await deletedBy(faulty, async () => {
      const fault = { kind: 'error-after', items: 0 } as const;
      faulty.addFault({ operation: 'list', idPrefix, times: 1000, fault });
    });
    expect(error).toMatchObject({ code: 'STORAGE_FAILED' });
    expect(gone).toEqual([]);
  });

  it.each(['damaged', 'empty', 'without a session in its name'])(
    'when a session marker is %s',
    async (trouble) => {
      const [marker] = await virtual.names('s');
      const id = parseBlobID(marker!);
      if (trouble === 'damaged') await damage(id);
      else if (trouble === 'empty') await virtual.storage.putBlob(id, new Uint8Array());
      else await virtual.storage.putBlob(parseBlobID('sabc'), new Uint8Array(40));
      const { gone, error } = await deletedBy(virtual.storage);
      expect(error).toMatchObject({ code: 'CORRUPT_DATA' });
      expect(String(error)).toContain(trouble.startsWith('without') ? 'sabc' : marker);
      expect(gone.filter((name) => !name.startsWith('x'))).toEqual([]);
    },
  );

  it('when an index blob does not open', async () => {
    const { gone, error } = await deletedBy(virtual.storage, async () => {
      const session = `s${'0'.repeat(16)}147`;
      const id = parseBlobID(`xn0_${'0'.repeat(32)}-${session}-c1`);
      await virtual.storage.putBlob(id, new Uint8Array(200));
    });
    expect(error).toMatchObject({ code: 'CORRUPT_DATA' });
    expect(gone).toEqual([]);
  });

  it('when all index blobs are lost', async () => {
    for (const name of await virtual.names('x')) {
      await virtual.storage.deleteBlob(parseBlobID(name));
    }
    const before = await dataNames();
    await using repository = await virtual.open();
    // Its manifests are lost too, so that nobody is the owner.
    await expect(maintainRepository(repository, { mode: 'full' })).rejects.toMatchObject({
      code: 'NOT_MAINTENANCE_OWNER',
    });
    const run = maintainRepository(repository, { mode: 'full', safety: 'none', force: true });
    await expect(run).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    expect(await dataNames()).toEqual(before);
  });

  it('when a snapshot needs a content that no index names', async () => {
    const { gone, error } = await deletedBy(virtual.storage, async () => {
      const foreign = await VirtualRepository.create();
      const { rootEntry } = await foreign.snapshot({ z: uniqueText('z') });
      await using client = await virtual.open('writer');
      await using writer = client.newWriter();
      await saveRoot(writer, rootEntry, '/foreign');
      await writer.flush();
    });
    expect(error).toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    expect(String(error)).toMatch(/snapshot [0-9a-f]{32}: content k[0-9a-f]{32} is in no index/);
    expect(gone).toEqual([]);
  });

  it('when a file needs a content that no index names', async () => {
    const { gone, error } = await deletedBy(virtual.storage, async () => {
      await using client = await virtual.open('writer');
      await using writer = client.newWriter();
      const objectID = parseObjectID('0123456789abcdef'.repeat(2));
      await saveRoot(writer, await storeTree(writer, dir({ lost: file('', { objectID }) })), '/f');
      await writer.flush();
    });
    expect(error).toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    expect(String(error)).toMatch(/snapshot [0-9a-f]{32}\/lost: content 0123456789abcdef/);
    expect(gone).toEqual([]);
  });

  it('when a file or a snapshot has no object', async () => {
    for (const root of [dir({ lost: file('', { objectID: undefined }) }), undefined]) {
      const { gone, error } = await deletedBy(virtual.storage, async () => {
        await using client = await virtual.open('writer');
        await using writer = client.newWriter();
        const entry = root === undefined ? undefined : await storeTree(writer, root);
        await saveRoot(writer, entry, '/f');
        await writer.flush();
      });
      expect(error).toMatchObject({ code: 'CORRUPT_DATA' });
      expect(gone).toEqual([]);
    }
  });

  it('when the pack of a directory is gone', async () => {
    const { gone, error } = await deletedBy(virtual.storage, async () => {
      await using client = await virtual.open();
      const [directory] = client.contents.iterateContents({ prefix: 'k' });
      await virtual.storage.deleteBlob(directory!.packBlobID);
    });
    expect(error).toMatchObject({ code: expect.stringMatching(/BLOB_NOT_FOUND|CORRUPT_DATA/) });
    expect(gone).toEqual([]);
  });

  it.each([
    [-301n, 'CLOCK_SKEW'],
    [301n, 'CLOCK_SKEW'],
    [299n, undefined],
  ])('when the storage is %i seconds ahead: %s', async (seconds, code) => {
    const skewed = decorateStorage(virtual.storage, {
      putBlob: async (id, data, options) => {
        await virtual.storage.putBlob(id, data, options);
        const { timestamp } = await virtual.storage.getMetadata(id);
        virtual.storage.setTimestamp(id, timestamp + seconds * SECOND);
      },
    });
    const { gone, error } = await deletedBy(skewed);
    expect(errorCode(error)).toBe(code);
    expect(gone.length === 0).toBe(code !== undefined);
  });
});
