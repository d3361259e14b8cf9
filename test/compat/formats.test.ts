import { describe, expect, it } from 'vitest';
import { ENCRYPTION_NAMES, HASH_NAMES, type FormatVersion } from '@longshore/repo';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { asKopiaRestores, describeTree } from '../local-tree.ts';
import { LongshoreClient } from '../longshore.ts';
import { changeTree, createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'pässword 😀';
const SOURCE = { userName: 'tester', host: 'kopia-host', path: '/data' };

/** Everything with everything instead of a covering part. Minutes instead of seconds. */
const FULL = process.env['LONGSHORE_COMPAT'] === 'full';

interface Case {
  readonly version: FormatVersion;
  readonly hash: (typeof HASH_NAMES)[number];
  readonly encryption: (typeof ENCRYPTION_NAMES)[number];
  readonly ecc: number;
}

/** Each pair of a hash and a version, with ciphers and error correction in turn; all triples if {@link FULL}. */
function* cases(): Generator<Case> {
  const versions: readonly FormatVersion[] = [1, 2, 3];
  let turn = 0;
  for (const version of versions) {
    for (const hash of HASH_NAMES) {
      turn += 1;
      for (const [index, encryption] of ENCRYPTION_NAMES.entries()) {
        if (!FULL && turn % ENCRYPTION_NAMES.length !== index) continue;
        yield { version, hash, encryption, ecc: version > 1 && turn % 4 === 0 ? 7 : 0 };
      }
    }
  }
}

const kopiaBinary = findKopia();
const matrix = [...cases()].filter((_, index) => FULL || index % 3 === 0);

describe
  .skipIf(isKopiaMissing(kopiaBinary, 'formats against Kopia', 2 * matrix.length))
  .each(matrix)(
  'version $version, $hash, $encryption, $ecc % error correction',
  ({ version, hash, encryption, ecc }) => {
    const binary = kopiaBinary!;

    it('what longshore writes, Kopia verifies, restores and maintains', async () => {
      using work = new Workspace('formats');
      const path = work.folder('repo');
      const tree = work.folder('data');
      createSampleTree(tree, { seed: 1 });
      await using ours = await LongshoreClient.create({
        path,
        password: PASSWORD,
        version,
        hash,
        encryption,
        splitter: 'DYNAMIC-128K-BUZHASH',
        ...(ecc === 0 ? {} : { eccOverheadPercent: ecc }),
      });
      const { snapshot: first } = await ours.snapshot(tree, SOURCE);
      changeTree(tree, createSeededRandom(2));
      const { snapshot: second } = await ours.snapshot(tree, SOURCE, { description: 'second' });
      const expected = await describeTree(tree);

      await using kopia = await KopiaClient.connect({ binary, path, password: PASSWORD });
      const listed = await kopia.snapshots();
      expect(listed.map(({ id, rootEntry, source }) => [id, rootEntry.obj, source])).toEqual(
        [first, second].map((snapshot) => [snapshot!.id, snapshot!.rootEntry!.objectID, SOURCE]),
      );
      await kopia.verify();
      const restored = work.unused('by-kopia');
      await kopia.run('snapshot', 'restore', second!.id, restored);
      expect(asKopiaRestores(await describeTree(restored))).toEqual(asKopiaRestores(expected));
      expect(
        (await kopia.snapshot(tree, '--override-source=tester@kopia-host:/data')).rootEntry.obj,
      ).toBe(second!.rootEntry!.objectID);
      // A directory that Kopia would have written otherwise is one that it rewrites.
      expect(await kopia.messages('snapshot', 'fix', 'invalid-files')).toContain('No changes.');
      await kopia.run('snapshot', 'delete', first!.id, '--delete');
      await kopia.run('maintenance', 'run', '--full', '--safety=none');

      expect(await ours.snapshots()).toHaveLength(2);
      expect(await ours.verify()).toMatchObject({ errorCount: 0, finished: true });
      const again = work.unused('by-longshore');
      await ours.restore(second!, again);
      expect(await describeTree(again)).toEqual(expected);
    });

    it('what Kopia writes, longshore verifies, restores, continues and maintains', async () => {
      using work = new Workspace('formats');
      const path = work.folder('repo');
      const tree = work.folder('data');
      createSampleTree(tree, { seed: 3 });
      await using kopia = await KopiaClient.create({
        binary,
        path,
        password: PASSWORD,
        flags: [
          `--format-version=${version}`,
          `--block-hash=${hash}`,
          `--encryption=${encryption}`,
          '--object-splitter=DYNAMIC-128K-BUZHASH',
          ...(ecc === 0 ? [] : ['--ecc=REED-SOLOMON-CRC32', `--ecc-overhead-percent=${ecc}`]),
        ],
      });
      const theirs = await kopia.snapshot(tree, '--override-source=tester@kopia-host:/data');
      const expected = await describeTree(tree);

      await using ours = await LongshoreClient.open({ path, password: PASSWORD });
      const [snapshot] = await ours.snapshots();
      expect(snapshot).toMatchObject({ id: theirs.id, source: SOURCE });
      expect(await ours.verify()).toMatchObject({ errorCount: 0, finished: true });
      const restored = work.unused('by-longshore');
      await ours.restore(snapshot!, restored);
      expect(await describeTree(restored)).toEqual(expected);

      const anew = await ours.upload(tree, SOURCE);
      expect(anew.rootEntry!.objectID).toBe(theirs.rootEntry.obj);
      const { snapshot: next } = await ours.snapshot(tree, SOURCE);
      expect(next!.rootEntry!.objectID).toBe(theirs.rootEntry.obj);
      expect(next!.stats.nonCachedFiles).toBe(0);
      expect((await kopia.snapshots()).map(({ id }) => id)).toEqual([theirs.id, next!.id]);
      await kopia.verify();

      changeTree(tree, createSeededRandom(4));
      const last = await kopia.snapshot(tree, '--override-source=tester@kopia-host:/data');
      await ours.snapshots();
      await ours.deleteSnapshot(theirs.id);
      await ours.deleteSnapshot(next!.id);
      expect(await ours.maintain()).toMatchObject({ mode: 'full' });
      expect((await kopia.snapshots()).map(({ id }) => id)).toEqual([last.id]);
      await kopia.verify();
      expect(await ours.verify()).toMatchObject({ errorCount: 0, finished: true });
    });
  },
);
