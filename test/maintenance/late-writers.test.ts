import { loadSchedule, type RepositoryWriter } from '@longshore/repo';
import { maintainRepository, type DirEntry } from '@longshore/snapshot';
import { describe, expect, it } from 'vitest';
import { decorateStorage } from '../../packages/repo/src/blob/decorate-storage.ts';
import {
  DAY,
  HOUR,
  saveRoot,
  snapshotFiles,
  storeFiles,
  uniqueText,
  VirtualRepository,
} from './virtual-repository.ts';

/** More than a pack holds: part of it is in the storage before anything is committed. */
const LARGE = uniqueText('large', 12 * 1024 * 1024);

const OLD = { a: uniqueText('old a'), b: uniqueText('old b') };

async function days(virtual: VirtualRepository, count: number): Promise<void> {
  for (let day = 0; day < count; day++) {
    virtual.time.advance(DAY);
    await virtual.maintain();
  }
}

describe.each([1, 3] as const)('maintenance beside a writer, format version %i', (version) => {
  async function withExpiredSnapshot(): Promise<{ virtual: VirtualRepository; root: DirEntry }> {
    const virtual = await VirtualRepository.create({ version });
    const snapshot = await virtual.snapshot(OLD);
    await virtual.snapshot({ kept: uniqueText('kept') }, '/kept');
    virtual.time.advance(2n * DAY);
    await virtual.deleteSnapshot(snapshot);
    return { virtual, root: snapshot.rootEntry! };
  }

  it('keeps what a writer took for stored before it was marked deleted', async () => {
    const { virtual } = await withExpiredSnapshot();
    await using client = await virtual.open('writer');
    await using writer = client.newWriter();
    const saved = await snapshotFiles(writer, { ...OLD, c: uniqueText('new c') }, '/late');
    await virtual.maintain();
    virtual.time.advance(HOUR);
    await writer.flush();
    await days(virtual, 6);
    expect((await virtual.read()).get(saved.id)).toEqual({ ...OLD, c: uniqueText('new c') });
  });

  it('brings contents back that a snapshot took over by their IDs after they were marked deleted', async () => {
    const { virtual, root } = await withExpiredSnapshot();
    await virtual.maintain();
    await using client = await virtual.open('writer');
    let id = '';
    await using writer: RepositoryWriter = client.newWriter();
    id = (await saveRoot(writer, root, '/late')).id;
    await writer.flush();
    await days(virtual, 1);
    await using seen = await virtual.open();
    const recovered = [...seen.contents.iterateContents({ includeDeleted: true })];
    expect(recovered.filter(({ deleted }) => deleted)).toEqual([]);
    await days(virtual, 6);
    expect((await virtual.read()).get(id)).toEqual(OLD);
  });

  it('stores marked contents anew when they are written again', async () => {
    const { virtual } = await withExpiredSnapshot();
    await virtual.maintain();
    const again = await virtual.snapshot(OLD, '/again');
    await days(virtual, 6);
    expect((await virtual.read()).get(again.id)).toEqual(OLD);
  });

  it.each([25n, 95n])('leaves the packs of a session that has run for %i hours', async (hours) => {
    const { virtual } = await withExpiredSnapshot();
    await using client = await virtual.open('writer');
    await using writer = client.newWriter();
    const packs = (await virtual.names('p')).length;
    const root = await storeFiles(writer, { slow: LARGE });
    expect((await virtual.names('p')).length).toBeGreaterThan(packs);
    await using hanging = await virtual.open('hanging');
    await using other = hanging.newWriter();
    await storeFiles(other, { lost: uniqueText('lost') });
    virtual.time.advance((hours - 2n) * HOUR);
    await virtual.maintain();
    virtual.time.advance(2n * HOUR);
    await virtual.maintain();
    const saved = await saveRoot(writer, root, '/slow');
    await writer.flush();
    await days(virtual, 3);
    expect((await virtual.read()).get(saved.id)).toEqual({ slow: LARGE });
  });

  it('deletes the packs of a session that was killed, after four days', async () => {
    const { virtual } = await withExpiredSnapshot();
    const before = await virtual.names('p');
    const killed = (await virtual.open('writer')).newWriter();
    await storeFiles(killed, { slow: LARGE });
    const isLeft = async (): Promise<boolean> => (await virtual.names('p')).length > before.length;
    for (let day = 1; day <= 6; day++) {
      virtual.time.advance(DAY);
      await virtual.maintain();
      if (day < 4) expect(await isLeft()).toBe(true);
    }
    expect(await isLeft()).toBe(false);
    expect(await virtual.names('s')).toEqual([]);
  });

  it('sees a writer that commits between the look at packs and the look at sessions', async () => {
    const { virtual } = await withExpiredSnapshot();
    await using client = await virtual.open('writer');
    await using writer = client.newWriter();
    const saved = await snapshotFiles(writer, { slow: LARGE }, '/slow');
    // Contents were rewritten lately: the deletion of packs is what comes next.
    virtual.time.advance(26n * HOUR);
    await virtual.maintain();
    virtual.time.advance(4n * HOUR);
    let listings = 0;
    const committing = decorateStorage(virtual.storage, {
      async *listBlobs(prefix, options) {
        // As sessions that may live, as blobs that may go, and as sessions again.
        if (prefix === 's' && ++listings === 3) await writer.flush();
        yield* virtual.storage.listBlobs(prefix, options);
      },
    });
    await using owner = await virtual.over(committing);
    await maintainRepository(owner, { mode: 'full' });
    expect(listings).toBe(3);
    expect((await virtual.read()).get(saved.id)).toEqual({ slow: LARGE });
  });

  it('lets the space of the expired snapshot come back within a few days otherwise', async () => {
    const { virtual } = await withExpiredSnapshot();
    const before = await virtual.packBytes();
    await days(virtual, 7);
    await using client = await virtual.open();
    const contents = [...client.contents.iterateContents({ includeDeleted: true })];
    const sizes = contents.filter(({ originalLength }) => originalLength > 250);
    expect(sizes.filter(({ deleted }) => deleted)).toEqual([]);
    expect(await virtual.packBytes()).toBeLessThan(before);
    expect([...(await virtual.read()).values()]).toEqual([{ kept: uniqueText('kept') }]);
    const { runs } = await loadSchedule(virtual.storage, client.formatManager);
    expect([...runs.values()].flat().filter(({ success }) => !success)).toEqual([]);
  });
});
