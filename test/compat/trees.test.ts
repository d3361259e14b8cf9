import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMPRESSION_HEADER_IDS, type CompressorName, type FormatVersion } from '@longshore/repo';
import { EMPTY_POLICY, setPolicy } from '@longshore/snapshot';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { asKopiaRestores, describeTree, sortedTree } from '../local-tree.ts';
import { LongshoreClient } from '../longshore.ts';
import { createSampleTree, createSparseFile, randomBytes } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'trees';
const MIB = 2 ** 20;

const kopiaBinary = findKopia();
const VERSIONS: readonly FormatVersion[] = [1, 2, 3];

/** Kopia can no longer write `lz4`. */
const COMPRESSORS = (Object.keys(COMPRESSION_HEADER_IDS) as CompressorName[]).filter(
  (name) => name !== 'lz4',
);

const skipped = isKopiaMissing(kopiaBinary, 'trees against Kopia', 2 * VERSIONS.length + 1);

describe.skipIf(skipped).each(VERSIONS)('a tree with everything in it, version %i', (version) => {
  const source = { userName: 'tester', host: 'kopia-host', path: '/everything' };
  const override = '--override-source=tester@kopia-host:/everything';
  const flags = [`--format-version=${version}`, '--object-splitter=DYNAMIC-512K-RABINKARP'];

  /** 40 MiB in three parts, of which the last is half as long; a part of zeros; a hole that ends a file. */
  function createTree(tree: string): void {
    createSampleTree(tree, { seed: version, largestFile: 700_000, invalidNames: true });
    const random = createSeededRandom(99);
    writeFileSync(join(tree, 'large'), randomBytes(random, 40 * MIB));
    writeFileSync(join(tree, 'exactly two parts'), randomBytes(random, 32 * MIB));
    createSparseFile(join(tree, 'sparse'), 24 * MIB, randomBytes(random, 5000));
  }

  it('written by Kopia has the same root object here, restores exactly and dedupes', async () => {
    using work = new Workspace('trees');
    const path = work.folder('repo');
    const tree = work.folder('everything');
    createTree(tree);
    const client = { binary: kopiaBinary!, path, password: PASSWORD };
    await using kopia = await KopiaClient.create({ ...client, flags });
    await kopia.run('policy', 'set', '--global', '--parallel-upload-above-size-mib=16');
    const theirs = await kopia.snapshot(tree, override);
    await using ours = await LongshoreClient.open({ path, password: PASSWORD, threads: true });
    expect(await ours.verify()).toMatchObject({ errorCount: 0, finished: true });
    const before = new Set([...ours.repository.contents.iterateContents()].map(contentIDOf));
    const anew = await ours.upload(tree, source);
    expect(anew.rootEntry!.objectID).toBe(theirs.rootEntry.obj);
    const { snapshot } = await ours.snapshot(tree, source);
    expect(snapshot!.rootEntry!.objectID).toBe(theirs.rootEntry.obj);
    await ours.repository.refresh();
    const added = [...ours.repository.contents.iterateContents()].map(contentIDOf);
    expect(added.filter((id) => !before.has(id) && !id.startsWith('m'))).toEqual([]);
    await ours.restore(snapshot!, work.unused('restored'));
    // Sorted again: a restored name may be another one than that in the tree.
    expect(sortedTree(await describeTree(work.unused('restored')))).toEqual(
      sortedTree(await describeTree(tree)),
    );
    await kopia.verify();
    expect(await kopia.snapshots()).toHaveLength(2);
  });

  it('written by longshore has the same root object in Kopia, which restores it', async () => {
    using work = new Workspace('trees');
    const path = work.folder('repo');
    const tree = work.folder('everything');
    createTree(tree);
    const client = { binary: kopiaBinary!, path, password: PASSWORD };
    await using kopia = await KopiaClient.create({ ...client, flags });
    await kopia.run('policy', 'set', '--global', '--parallel-upload-above-size-mib=16');
    await using ours = await LongshoreClient.open({ path, password: PASSWORD, threads: true });
    const { snapshot } = await ours.snapshot(tree, source);
    await kopia.verify();
    const theirs = await kopia.snapshot(tree, override, '--force-hash=100');
    expect(theirs.rootEntry.obj).toBe(snapshot!.rootEntry!.objectID);
    await kopia.run('snapshot', 'restore', snapshot!.id, work.unused('restored'));
    expect(asKopiaRestores(await describeTree(work.unused('restored')))).toEqual(
      asKopiaRestores(await describeTree(tree)),
    );
  });
});

function contentIDOf({ contentID }: { readonly contentID: string }): string {
  return contentID;
}

describe.skipIf(skipped)('compressors', () => {
  it('of either are decompressed by the other', async () => {
    using work = new Workspace('compressors');
    const path = work.folder('repo');
    const client = { binary: kopiaBinary!, path, password: PASSWORD };
    await using kopia = await KopiaClient.create(client);
    await using ours = await LongshoreClient.open({ path, password: PASSWORD });
    for (const [seed, name] of COMPRESSORS.entries()) {
      const theirTree = work.folder(`kopia-${name}`);
      createCompressible(theirTree, 2 * seed);
      const theirSource = `tester@kopia-host:/kopia-${name}`;
      await kopia.run(
        'policy',
        'set',
        theirSource,
        `--compression=${name}`,
        `--metadata-compression=${name}`,
      );
      await kopia.snapshot(theirTree, `--override-source=${theirSource}`);

      const ourTree = work.folder(`longshore-${name}`);
      createCompressible(ourTree, 2 * seed + 1);
      const source = { userName: 'tester', host: 'kopia-host', path: `/longshore-${name}` };
      await ours.write((writer) =>
        setPolicy(writer, source, {
          ...EMPTY_POLICY,
          compression: { compressorName: name },
          metadataCompression: { compressorName: name },
        }),
      );
      await ours.snapshot(ourTree, source);
    }
    await ours.repository.refresh();
    const used = new Map<number, number>();
    for (const { compressionHeaderID: id } of ours.repository.contents.iterateContents()) {
      used.set(id, (used.get(id) ?? 0) + 1);
    }
    // Two files and two directories of each side, unless one of them does not become smaller.
    const rarelyUsed = COMPRESSORS.filter(
      (name) => (used.get(COMPRESSION_HEADER_IDS[name]) ?? 0) < 4,
    );
    expect(rarelyUsed).toEqual([]);
    await kopia.verify();
    expect(await ours.verify()).toMatchObject({ errorCount: 0, finished: true });
    for (const snapshot of await ours.snapshots()) {
      const { path: name } = snapshot.source;
      const target = work.unused(`restored${name}`);
      await ours.restore(snapshot, target);
      expect(await describeTree(target)).toEqual(await describeTree(join(work.path, name)));
      const byKopia = work.unused(`by-kopia${name}`);
      await kopia.run('snapshot', 'restore', snapshot.id, byKopia);
      expect(asKopiaRestores(await describeTree(byKopia))).toEqual(
        asKopiaRestores(await describeTree(join(work.path, name))),
      );
    }
  }, 600_000);
});

/** Text, one file that is only almost random, and enough entries for a directory worth compressing. */
function createCompressible(tree: string, seed: number): void {
  const random = createSeededRandom(seed);
  const word = (): string => Math.floor(random() * 5000).toString(36);
  writeFileSync(join(tree, 'words'), Array.from({ length: 60_000 }, word).join(' '));
  const almost = randomBytes(random, 100_000);
  almost.fill(0, 50_000, 60_000);
  writeFileSync(join(tree, 'almost random'), almost);
  mkdirSync(join(tree, 'sub'));
  for (let i = 0; i < 30; i++) writeFileSync(join(tree, 'sub', `file ${i}`), word());
}
