import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock, objectReference, StoredPacks } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { expect, it } from 'vitest';
import { createSnapshot } from '../create-snapshot.ts';
import { openLocalEntry } from '../node/local-entry.ts';
import { createTestRepository } from '../tree-fixture.ts';
import { findEntry } from '../repository-entry.ts';
import { verifySnapshots } from '../verify/verify.ts';

it('a snapshot that heals reads unchanged files again whose pack is lost, and only those', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-heal-'));
  try {
    const { repository, storage } = await createTestRepository(nativeAlgorithms());
    const source = { host: 'h', userName: 'u', path: folder };
    const snapshot = async (heal: boolean) => {
      const packs = heal ? await StoredPacks.list(storage, createSystemClock()) : undefined;
      const isStored = packs && ((info: Parameters<StoredPacks['holds']>[0]) => packs.holds(info));
      await using writer = repository.newWriter(isStored === undefined ? {} : { isStored });
      const root = openLocalEntry(folder);
      if (root.type !== 'd') throw new Error('no directory');
      return await createSnapshot(writer, root, { source, isStored });
    };
    writeFileSync(join(folder, 'kept'), 'kept');
    await snapshot(false);
    writeFileSync(join(folder, 'lost'), 'x'.repeat(9_000_000));
    const second = await snapshot(false);
    const entry = await findEntry(repository, second.draft.rootEntry!, 'lost');
    for await (const id of repository.verifyObject(entry.objectID!)) {
      const { packBlobID } = repository.contents.contentInfo(id)!;
      if (packBlobID.startsWith('p')) await storage.deleteBlob(packBlobID);
    }
    expect(objectReference(entry.objectID!).indirection).toBe(1);

    const blind = await snapshot(false);
    expect(blind.draft.stats).toMatchObject({ cachedFiles: 2, nonCachedFiles: 0 });
    const healed = await snapshot(true);
    expect(healed.draft.stats).toMatchObject({ cachedFiles: 1, nonCachedFiles: 1 });
    expect(healed.draft.rootEntry?.objectID).toBe(blind.draft.rootEntry?.objectID);
    const { errors } = await verifySnapshots(
      repository,
      [{ name: 'healed', entry: healed.draft.rootEntry! }],
      { verifyFilesPercent: 100, maxErrors: -1 },
    );
    expect(errors).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
