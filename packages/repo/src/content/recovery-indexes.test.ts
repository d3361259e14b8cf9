import { describe, expect, it } from 'vitest';
import { parseBlobID } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import { compareContentInfo, type ContentInfo } from './content-info.ts';
import { createContentWorld, seededBytes, type ContentWorld } from './content-world.ts';
import type { ContentID } from './content-id.ts';
import { recoverPackIndex } from './index/recover.ts';

const HOUR = 3600n * NANOSECONDS_PER_SECOND;

async function recover(world: ContentWorld, pack: string): Promise<ContentInfo[]> {
  const metadata = await world.memory.getMetadata(parseBlobID(pack));
  const v1Overhead = world.kernel.parts.cipher.overhead;
  const index = await recoverPackIndex(world.memory, metadata, world.sealer, { v1Overhead });
  return Array.from({ length: index.entryCount }, (_, entry) => index.infoAt(entry));
}

/** What `index recover` would make of all packs: of several entries for a content, the one that wins. */
async function recoverAll(world: ContentWorld): Promise<Map<ContentID, ContentInfo>> {
  const winners = new Map<ContentID, ContentInfo>();
  for (const pack of [...(await world.blobIDs('p')), ...(await world.blobIDs('q'))]) {
    for (const info of await recover(world, pack)) {
      const other = winners.get(info.contentID);
      if (other === undefined || compareContentInfo(info, other) > 0)
        winners.set(info.contentID, info);
    }
  }
  return winners;
}

async function indexed(world: ContentWorld): Promise<Map<ContentID, ContentInfo>> {
  const { committed } = await world.openClient();
  const infos = [...committed.iterateContents({ includeDeleted: true })];
  return new Map(infos.map((info) => [info.contentID, info]));
}

describe.each([1, 3] as const)('recovery indexes in format version %i', (version) => {
  it('hold what the index holds of contents that were rewritten, undeleted and deleted', async () => {
    const world = await createContentWorld({ version });
    const writer = (await world.openClient()).newWriter();
    const write = (seed: number): Promise<ContentID> =>
      writer.writeContent(seededBytes(seed, 200), { prefix: seed % 2 === 0 ? 'k' : '' });
    const ids = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(write));
    await writer.flush();
    world.time.advance(HOUR);
    await write(11);
    await write(12);
    await writer.deleteContents(ids.slice(0, 6));
    await writer.flush();
    world.time.advance(HOUR);
    for (const id of ids.slice(0, 2)) await writer.rewriteContent(id);
    for (const id of ids.slice(2, 4)) await writer.undeleteContent(id);
    for (const id of ids.slice(6)) await writer.rewriteContent(id);
    await writer.flush();
    const index = await indexed(world);
    expect([...index.values()].filter(({ deleted }) => deleted)).toHaveLength(4);
    expect(await recoverAll(world)).toEqual(index);
  });

  it('hold deletions made before, while and after the pack of their kind was open', async () => {
    const world = await createContentWorld({ version });
    const writer = (await world.openClient()).newWriter();
    const ids = await writer.writeContents([1, 2, 3].map((seed) => seededBytes(seed, 50)));
    await writer.flush();
    await writer.deleteContent(ids[0]!);
    await writer.writeContent(seededBytes(4, 50));
    await writer.deleteContent(ids[1]!);
    // Fills the pack, which leaves; the next deletion goes with the next pack.
    await writer.writeContent(seededBytes(5, 70_000));
    await writer.deleteContent(ids[2]!);
    await writer.writeContent(seededBytes(6, 50));
    await writer.flush();
    expect(await recoverAll(world)).toEqual(await indexed(world));
    const deletedIn = async (pack: string): Promise<ContentID[]> =>
      (await recover(world, pack)).filter(({ deleted }) => deleted).map((info) => info.contentID);
    const deletions = await Promise.all((await world.blobIDs('p')).map(deletedIn));
    expect(new Set(deletions.map((some) => some.sort().join()))).toEqual(
      new Set(['', ids.slice(0, 2).toSorted().join(), ids[2]]),
    );
  });

  it('hold the deletion of a content that lies in the same open pack, and the one that undid it', async () => {
    const world = await createContentWorld({ version });
    const writer = (await world.openClient()).newWriter();
    const [gone, back] = await writer.writeContents([seededBytes(1, 50), seededBytes(2, 50)]);
    await writer.deleteContents([gone!, back!]);
    await writer.undeleteContent(back!);
    await writer.flush();
    const index = await indexed(world);
    expect([index.get(gone!)?.deleted, index.get(back!)?.deleted]).toEqual([true, false]);
    expect(await recoverAll(world)).toEqual(index);
  });

  it('hold no deletions of the other kind, and none where nothing was stored beside them', async () => {
    const world = await createContentWorld({ version });
    const writer = (await world.openClient()).newWriter();
    const data = await writer.writeContent(seededBytes(1, 50));
    const manifest = await writer.writeContent(seededBytes(2, 50), { prefix: 'm' });
    await writer.flush();
    await writer.deleteContents([data, manifest]);
    await writer.writeContent(seededBytes(3, 50), { prefix: 'm' });
    await writer.flush();
    const recovered = await recoverAll(world);
    expect(await world.blobIDs('p')).toHaveLength(1);
    expect(recovered.get(manifest)?.deleted).toBe(true);
    expect(recovered.get(data)?.deleted).toBe(false);
  });
});
