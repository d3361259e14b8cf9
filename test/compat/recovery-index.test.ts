import { describe, expect, it } from 'vitest';
import { createIndexInspector, type ContentID, type ContentInfo } from '@longshore/repo';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { LongshoreClient } from '../longshore.ts';
import { createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'recover';
const DANGEROUS = { KOPIA_DANGEROUS_COMMANDS: 'enabled' };
const SOURCE = { userName: 'tester', host: 'kopia-host', path: '/data' };

/** An index entry as Kopia lists it, as far as the test compares it. */
interface KopiaContent {
  readonly contentID: string;
  readonly packFile: string;
  readonly packOffset: number;
  readonly length: number;
  readonly packedLength: number;
  readonly time: string;
  readonly deleted: boolean;
}

async function listContents(kopia: KopiaClient): Promise<readonly KopiaContent[]> {
  const listed = await kopia.json<KopiaContent[]>('content', 'list', '--deleted');
  return listed.toSorted((a, b) => (a.contentID < b.contentID ? -1 : 1));
}

async function namesOf(ours: LongshoreClient, ...prefixes: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const prefix of prefixes) {
    for await (const { id } of ours.repository.storage.listBlobs(prefix)) names.push(id);
  }
  return names;
}

/** What the packs themselves say, by pack. */
async function recoverAll(ours: LongshoreClient): Promise<ContentInfo[]> {
  const { storage, formatManager } = ours.repository;
  const inspector = await createIndexInspector({ storage, formatManager });
  const recovered: ContentInfo[] = [];
  for (const prefix of ['p', 'q']) {
    for await (const pack of storage.listBlobs(prefix)) {
      recovered.push(...(await inspector.recoverEntries(pack)));
    }
  }
  return recovered;
}

const binary = findKopia();

describe.skipIf(isKopiaMissing(binary, 'recovery indexes', 3))('recovery indexes', () => {
  it.each([1, 3] as const)(
    'of longshore, format version %i, give Kopia back every entry after the index is lost',
    async (version) => {
      using work = new Workspace('recovery');
      const path = work.folder('repo');
      const tree = work.folder('data');
      createSampleTree(tree, { seed: 1 });
      await using ours = await LongshoreClient.create({ path, password: PASSWORD, version });
      const { snapshot } = await ours.snapshot(tree, SOURCE);
      const text = (n: number): Uint8Array => new TextEncoder().encode(`content ${n}`);
      const write = (numbers: readonly number[]): Promise<readonly ContentID[]> =>
        ours.write(async ({ contents }) => [
          ...(await contents.writeContents(numbers.map(text))),
          ...(await contents.writeContents(numbers.map(text), { prefix: 'k' })),
        ]);
      const ids = await write([1, 2, 3]);
      await ours.write(async ({ contents }) => {
        await contents.deleteContents(ids);
        await contents.writeContent(text(10));
        await contents.writeContent(text(10), { prefix: 'k' });
      });
      // In the second after the deletion, so that its time is not the clock's.
      await ours.write(async ({ contents }) => {
        for (const id of [ids[0]!, ids[3]!]) await contents.rewriteContent(id);
        for (const id of [ids[1]!, ids[4]!]) await contents.undeleteContent(id);
        const manifests = [...contents.iterateContents({ prefix: 'm' })];
        for (const { contentID } of manifests) {
          await contents.rewriteContent(contentID);
        }
      });

      await using kopia = await KopiaClient.connect({ binary: binary!, path, password: PASSWORD });
      const before = await listContents(kopia);
      expect(before.filter(({ deleted }) => deleted)).toHaveLength(4);
      const indexes = await namesOf(ours, version === 1 ? 'n' : 'xn');
      expect(indexes.length).toBeGreaterThanOrEqual(4);
      await kopia.runWith(DANGEROUS, 'blob', 'delete', ...indexes);
      expect(await listContents(kopia)).toEqual([]);
      await kopia.runWith(DANGEROUS, 'index', 'recover', '--commit');
      expect(await listContents(kopia)).toEqual(before);
      expect((await kopia.snapshots()).map(({ id }) => id)).toEqual([snapshot!.id]);
      await kopia.verify();
    },
  );

  it('of Kopia hold deletions beside what was stored with them, as those of longshore do', async () => {
    using work = new Workspace('recovery');
    const path = work.folder('repo');
    const tree = work.folder('data');
    await using kopia = await KopiaClient.create({ binary: binary!, path, password: PASSWORD });
    // Kopia merges manifests by itself once there are some of them, and deletes the contents that held them.
    for (let n = 0; n < 18; n++) await kopia.snapshot(tree, '--description', `${n}`);
    await using ours = await LongshoreClient.open({ path, password: PASSWORD });
    const infos = [...ours.repository.contents.iterateContents({ includeDeleted: true })];
    const gone = infos.filter(({ deleted }) => deleted);
    expect(gone.length).toBeGreaterThan(0);
    expect(await recoverAll(ours)).toEqual(expect.arrayContaining(infos));
  });
});
