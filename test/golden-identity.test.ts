import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContentInfo } from '@longshore/repo';
import {
  walkSnapshot,
  type DirEntry,
  type SnapshotDraft,
  type SnapshotManifest,
  type WalkedEntry,
} from '@longshore/snapshot';
import { copyGolden, goldenRepositories } from './golden.ts';
import { LongshoreClient } from './longshore.ts';

/** A restore gives files their owners only as root, and the root object depends on them. */
const isRoot = process.getuid?.() === 0;
if (!isRoot)
  console.warn('SKIPPED: snapshots of restored golden trees: only root restores owners.');

const goldens = goldenRepositories();

/** A name with bytes that were replaced: what is restored has another name, for Kopia as well. */
function isRenamed({ name }: DirEntry): boolean {
  return name.includes('\ufffd');
}

/**
 * Compressed by the object layer, as in version 1: the ID hashes what one compressor made of the file, and another makes
 * something else of it, or nothing that is smaller. Index objects list such IDs.
 */
function dependsOnCompressor({ objectID }: DirEntry): boolean {
  return objectID !== undefined && /^I*Z/.test(objectID);
}

/** The root stands for all that is below it. */
async function wholeTree({ rootEntry }: SnapshotDraft): Promise<readonly WalkedEntry[]> {
  return [{ path: '', entry: rootEntry! }];
}

describe.skipIf(!isRoot).each(goldens)('trees restored from $name', (golden) => {
  let folder: string;
  let path: string;
  let client: LongshoreClient;
  let snapshots: readonly SnapshotManifest[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-identity-'));
    path = copyGolden(golden);
    client = await LongshoreClient.open({
      path,
      password: golden.expected.password,
      threads: true,
    });
    snapshots = (await client.snapshots()).filter(({ rootEntry }) => rootEntry?.type === 'd');
  });

  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
    rmSync(path, { recursive: true, force: true });
  });

  function fileContents(): ReadonlyMap<string, ContentInfo> {
    const infos = [...client.repository.contents.iterateContents()];
    return new Map(
      infos.flatMap((info) => (/^[g-z]/.test(info.contentID) ? [] : [[info.contentID, info]])),
    );
  }

  it('have the root objects that Kopia gave them, whether files are read again or not', async () => {
    for (const snapshot of snapshots) {
      const tree = join(folder, snapshot.id, snapshot.rootEntry!.name);
      await client.restore(snapshot, tree);
      const before = fileContents();
      const anew = await client.upload(tree, snapshot.source);
      const compared = await client.upload(tree, snapshot.source, [snapshot]);
      await client.repository.refresh();
      const form = (await isRepeatable(snapshot)) ? wholeTree : repeatableTree;
      expect(await form(anew)).toEqual(await form(snapshot));
      expect(await form(compared)).toEqual(await form(snapshot));
      expect(compared.stats.nonCachedFiles).toBe(0);
      const stored = [...fileContents()].filter(([id]) => !before.has(id));
      const { version } = client.repository.contents.format;
      expect(version === 1 && form === repeatableTree ? [] : stored).toEqual([]);
      rmSync(tree, { recursive: true });
    }
  });

  async function isRepeatable({ rootEntry }: SnapshotDraft): Promise<boolean> {
    for await (const { entry } of walkSnapshot(client.repository, rootEntry!)) {
      if (isRenamed(entry) || dependsOnCompressor(entry)) return false;
    }
    return true;
  }

  /** By path, and without the objects that depend on names or, in version 1, on the compressor. */
  async function repeatableTree({ rootEntry }: SnapshotDraft): Promise<readonly WalkedEntry[]> {
    const walked = await Array.fromAsync(walkSnapshot(client.repository, rootEntry!));
    const { version } = client.repository.contents.format;
    return walked
      .map(({ path: at, entry }) =>
        entry.type === 'd' || (version === 1 && entry.type === 'f')
          ? { path: at, entry: { ...entry, objectID: undefined } }
          : { path: at, entry },
      )
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }
});
