import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { FormatVersion } from '@longshore/repo';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { describeTree } from '../local-tree.ts';
import { LongshoreClient } from '../longshore.ts';
import { createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const run = promisify(execFile);

const PASSWORD = 'at once';
const VERSIONS: readonly FormatVersion[] = [1, 2, 3];
const SNAPSHOTS = 3;

const kopiaBinary = findKopia();

/** Root objects of the snapshots that another process takes. */
async function snapshotsOfProcess(
  path: string,
  tree: string,
  sourcePath: string,
): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, [
    '--conditions=longshore-source',
    join(import.meta.dirname, 'snapshot-process.ts'),
    path,
    PASSWORD,
    tree,
    sourcePath,
    String(SNAPSHOTS),
  ]);
  return stdout.trim().split('\n');
}

async function snapshotsOfKopia(
  kopia: KopiaClient,
  tree: string,
  sourcePath: string,
): Promise<readonly string[]> {
  const roots: string[] = [];
  for (let i = 0; i < SNAPSHOTS; i++) {
    const source = `--override-source=tester@kopia-host:${sourcePath}`;
    const { rootEntry } = await kopia.snapshot(tree, source, '--force-hash=100');
    roots.push(rootEntry.obj);
  }
  return roots;
}

const skipped = isKopiaMissing(kopiaBinary, 'two writers at once', 2 * VERSIONS.length);

describe.skipIf(skipped).each(VERSIONS)('two writers at once in format version %i', (version) => {
  /** What is found afterwards, and what should be. */
  async function writeAtOnce(
    write: (
      kopia: KopiaClient,
      path: string,
      trees: readonly [string, string],
    ) => Promise<readonly [readonly string[], readonly string[]]>,
  ): Promise<{ readonly found: unknown; readonly expected: unknown }> {
    using work = new Workspace('concurrent');
    const path = work.folder('repo');
    const trees = [work.folder('a'), work.folder('b')] as const;
    // Much of each tree is in the other: both write the same contents at the same time.
    createSampleTree(trees[0], { seed: 1, files: 300, largestFile: 4_000_000 });
    createSampleTree(trees[1], { seed: 1, files: 200, largestFile: 4_000_000 });
    const client = { binary: kopiaBinary!, path, password: PASSWORD };
    const flags = [`--format-version=${version}`, '--object-splitter=DYNAMIC-1M-BUZHASH'];
    await using kopia = await KopiaClient.create({ ...client, flags });
    const roots = await write(kopia, path, trees);
    await kopia.verify();

    await using ours = await LongshoreClient.open({ path, password: PASSWORD });
    const { errors } = await ours.verify();
    const snapshots = await ours.snapshots();
    const restored: unknown[] = [];
    for (const sourcePath of ['/a', '/b']) {
      const snapshot = snapshots.find(({ source }) => source.path === sourcePath);
      const target = work.unused(`restored${sourcePath}`);
      await ours.restore(snapshot!, target);
      restored.push(await describeTree(target));
    }
    const rootsOf = (sourcePath: string): readonly unknown[] =>
      snapshots
        .filter(({ source }) => source.path === sourcePath)
        .map(({ rootEntry }) => rootEntry!.objectID);
    return {
      found: {
        errors,
        ids: snapshots.map(({ id }) => id as string).sort(),
        roots: [rootsOf('/a'), rootsOf('/b')],
        restored,
      },
      expected: {
        errors: [],
        ids: (await kopia.snapshots()).map(({ id }) => id).sort(),
        // The same tree each time.
        roots: roots.map(([first]) => Array.from({ length: SNAPSHOTS }, () => first)),
        restored: [await describeTree(trees[0]), await describeTree(trees[1])],
      },
    };
  }

  it('of longshore, in two processes, leave both trees whole', async () => {
    const { found, expected } = await writeAtOnce((_, path, [a, b]) =>
      Promise.all([snapshotsOfProcess(path, a, '/a'), snapshotsOfProcess(path, b, '/b')]),
    );
    expect(found).toEqual(expected);
  });

  it('one of them Kopia leave both trees whole', async () => {
    const { found, expected } = await writeAtOnce((kopia, path, [a, b]) =>
      Promise.all([snapshotsOfProcess(path, a, '/a'), snapshotsOfKopia(kopia, b, '/b')]),
    );
    expect(found).toEqual(expected);
  });
});
