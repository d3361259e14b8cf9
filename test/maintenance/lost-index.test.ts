import {
  closeIndexGaps,
  collectBlobs,
  commitRecoveredEntries,
  createIndexInspector,
  optimizeIndexes,
  parseBlobID,
  type BlobMetadata,
  type BlobStorage,
  type ClosedIndexGaps,
} from '@longshore/repo';
import { maintainRepository } from '@longshore/snapshot';
import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import { DAY, HOUR, MINUTE, uniqueText, VirtualRepository } from './virtual-repository.ts';

const EPOCHS = {
  minEpochDuration: HOUR,
  epochRefreshFrequency: 20n * MINUTE,
  epochAdvanceOnCountThreshold: 10,
  cleanupSafetyMargin: 4n * HOUR,
  fullCheckpointFrequency: 50,
};

let virtual: VirtualRepository;
let count = 0;

/** Enough for the next epoch to begin, over more than an hour. Returns the index blob of one of the snapshots. */
async function fillEpoch(): Promise<string> {
  let before: readonly string[] = [];
  for (let blob = 0; blob < 10; blob++) {
    count += 1;
    before = await virtual.names('xn');
    await virtual.snapshot({ a: uniqueText(`${count}`) }, `/${count}`);
    if (blob < 9) virtual.time.advance(8n * MINUTE);
  }
  const [last] = (await virtual.names('xn')).filter((name) => !before.includes(name));
  virtual.time.advance(8n * MINUTE);
  return last!;
}

/** What `index recover --commit` does. */
async function recoverIndex(): Promise<ClosedIndexGaps> {
  await using repository = await virtual.open();
  const { storage, formatManager } = repository;
  const { clock } = virtual.time;
  const inspector = await createIndexInspector({ storage, formatManager, clock });
  for (const name of [...(await virtual.names('p')), ...(await virtual.names('q'))]) {
    const pack = await storage.getMetadata(parseBlobID(name));
    const entries = await inspector.recoverEntries(pack);
    await commitRecoveredEntries(entries, { storage, formatManager, clock });
  }
  return await closeIndexGaps({ storage, formatManager, clock });
}

async function removeAll(pattern: RegExp): Promise<void> {
  const names = await virtual.names();
  const removed = names.filter((name) => pattern.test(name));
  expect(removed).not.toEqual([]);
  for (const name of removed) await virtual.storage.deleteBlob(parseBlobID(name));
}

/** Every way to delete or merge ends with this, and leaves all blobs but the schedule as they are. */
async function expectRefusals(message: RegExp): Promise<void> {
  const before = (await virtual.names()).filter((name) => !name.startsWith('kopia.'));
  const refused = { code: 'CORRUPT_DATA', message: expect.stringMatching(message) };
  await using repository = await virtual.open();
  await expect(maintainRepository(repository, { mode: 'full' })).rejects.toMatchObject(refused);
  await expect(collectBlobs(repository, undefined)).rejects.toMatchObject(refused);
  expect((await virtual.names()).filter((name) => !name.startsWith('kopia.'))).toEqual(before);
}

/** Days of ordinary life, after which everything that was stored is there, and nothing much else. */
async function expectAllToBeWell(): Promise<void> {
  const expected = count;
  for (let day = 0; day < 2; day++) {
    virtual.time.advance(DAY);
    await fillEpoch();
    await virtual.maintain({ mode: 'full' });
  }
  expect((await virtual.read()).size).toBe(expected + 20);
}

describe('an epoch without any index blob', () => {
  beforeEach(async () => {
    count = 0;
    virtual = await VirtualRepository.create({ epochs: EPOCHS });
    for (let epoch = 0; epoch < 5; epoch++) {
      await fillEpoch();
      await virtual.maintain({ mode: 'quick' });
    }
    virtual.time.advance(2n * DAY);
  });

  it('stops all that deletes and merges, until its packs have been indexed again', async () => {
    await removeAll(/^x[ns]2_/);
    await expect(virtual.read()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    await expectRefusals(/epoch 2,.*index recover --commit/s);
    await using repository = await virtual.open();
    const refused = { code: 'CORRUPT_DATA' };
    await expect(maintainRepository(repository, { mode: 'quick' })).rejects.toMatchObject(refused);
    await expect(optimizeIndexes(repository)).rejects.toMatchObject(refused);
    expect(await recoverIndex()).toEqual({ entries: 0, epochs: [2] });
    expect((await virtual.read()).size).toBe(count);
    await expectAllToBeWell();
  });

  it('is closed although no other settled one has index blobs', async () => {
    await removeAll(/^x[ns][012]_/);
    await expectRefusals(/epoch 0, 1, 2,/);
    expect(await recoverIndex()).toEqual({ entries: 0, epochs: [0, 1, 2] });
    expect((await virtual.names('xr')).length).toBeGreaterThan(0);
    await expectAllToBeWell();
  });

  it('is not taken for the future because the markers are lost', async () => {
    await removeAll(/^xe/);
    await expectRefusals(/epoch marker xe\d is missing.*index recover --commit/s);
    await recoverIndex();
    expect((await virtual.read()).size).toBe(count);
    await expectAllToBeWell();
  });
});

/** A storage whose listings leave one blob out. */
function without(isHidden: (blob: BlobMetadata, prefix: string) => boolean): BlobStorage {
  return decorateStorage(virtual.storage, {
    async *listBlobs(prefix, options) {
      for await (const blob of virtual.storage.listBlobs(prefix, options)) {
        if (!isHidden(blob, prefix)) yield blob;
      }
    },
  });
}

describe('a listing that is short', () => {
  beforeEach(async () => {
    count = 0;
    virtual = await VirtualRepository.create({ epochs: EPOCHS });
  });

  it('at every turn of a merge makes a set that lacks contents: its inputs stay, and so do the packs', async () => {
    const hidden = await fillEpoch();
    await virtual.maintain({ mode: 'quick' });
    await fillEpoch();
    await virtual.maintain({ mode: 'quick' });
    {
      await using repository = await virtual.over(without(({ id }) => id === hidden));
      await maintainRepository(repository, { mode: 'quick' });
    }
    expect((await virtual.names('xs0_')).length).toBe(1);
    await expect(virtual.read()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    virtual.time.advance(2n * DAY);
    await fillEpoch();
    await using owner = await virtual.open();
    await expect(maintainRepository(owner, { mode: 'quick' })).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('index recover --commit'),
    });
    expect(await virtual.names('xn0_')).toContain(hidden);
    await expectRefusals(/only in index blobs that were merged/);
    await recoverIndex();
    expect((await virtual.read()).size).toBe(count);
    await expectAllToBeWell();
    expect(await virtual.names('xn0_')).toEqual([]);
  });

  it('has its way out even where the packs do not say what is missing', async () => {
    const hidden = await fillEpoch();
    await virtual.maintain({ mode: 'quick' });
    await fillEpoch();
    await virtual.maintain({ mode: 'quick' });
    await using repository = await virtual.over(without(({ id }) => id === hidden));
    await maintainRepository(repository, { mode: 'quick' });
    virtual.time.advance(2n * DAY);
    const { formatManager, clock } = repository;
    const closed = await closeIndexGaps({ storage: virtual.storage, formatManager, clock });
    expect(closed.entries).toBeGreaterThan(0);
    expect((await virtual.read()).size).toBe(count);
    await expectAllToBeWell();
  });

  it('does not give up a session whose marker it lacks', async () => {
    await virtual.snapshot({ a: uniqueText('a') });
    count = 1;
    const sleeping = (await virtual.open('writer')).newWriter();
    await sleeping.writeObject(new Uint8Array(11 * 1024 * 1024).map((_, i) => (i * i) >> 7));
    const packs = await virtual.names('p');
    expect(packs.length).toBeGreaterThan(1);
    virtual.time.advance(2n * DAY);
    for (const short of [1, 2, 3]) {
      let listings = 0;
      const storage = without(({ id }, prefix) => {
        if (prefix !== 's' || !id.startsWith('s')) return false;
        listings += 1;
        return listings === short;
      });
      await using repository = await virtual.over(storage, 'anybody');
      await collectBlobs(repository, undefined);
      expect(await virtual.names('p')).toEqual(packs);
    }
    virtual.time.advance(3n * DAY);
    await using repository = await virtual.open('anybody');
    await collectBlobs(repository, undefined);
    expect((await virtual.names('p')).length).toBeLessThan(packs.length);
  });
});

it('an index with contents but without a manifest is a lost one', async () => {
  virtual = await VirtualRepository.create();
  await virtual.snapshot({ a: uniqueText('a') });
  const before = await virtual.names('xn');
  {
    await using repository = await virtual.open('writer');
    await using writer = repository.newWriter();
    await writer.writeObject(new TextEncoder().encode(uniqueText('b')));
    await writer.flush();
  }
  for (const name of before) await virtual.storage.deleteBlob(parseBlobID(name));
  virtual.time.advance(5n * DAY);
  const packs = await virtual.names('p');
  await using repository = await virtual.open();
  const run = maintainRepository(repository, { mode: 'full', safety: 'none', force: true });
  await expect(run).rejects.toMatchObject({
    code: 'CORRUPT_DATA',
    message: expect.stringContaining('no manifest'),
  });
  await expect(collectBlobs(repository, undefined)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
  expect(await virtual.names('p')).toEqual(packs);
  await recoverIndex();
  await virtual.maintain({ mode: 'full', safety: 'none' });
  expect((await virtual.read()).size).toBe(1);
});
