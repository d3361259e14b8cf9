import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FormatVersion } from '@longshore/repo';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';
import { createSampleTree } from '../sample-tree.ts';
import { Workspace } from './workspace.ts';

const PASSWORD = 'space for both';
const DANGEROUS = '--dangerous-commands=enabled';
const UNSAFE = '--safety=none';
const kopiaBinary = findKopia();

interface Content {
  readonly contentID: string;
  readonly packFile: string;
  readonly deleted: boolean;
}

interface Blob {
  readonly id: string;
}

describe
  .skipIf(isKopiaMissing(kopiaBinary, 'moving contents and collecting packs beside Kopia', 2))
  .each([1, 3] as const)('format version %i', (version: FormatVersion) => {
  it('is moved, collected and merged by longshore and Kopia in the same way', async () => {
    using work = new Workspace('space');
    using world = new CLIWorld();
    const [path, tree] = [work.folder('repo'), work.folder('data')];
    createSampleTree(tree, { seed: 5, files: 5, largestFile: 3000 });
    const flags = [`--format-version=${version}`];
    const options = { binary: kopiaBinary!, password: PASSWORD, path };
    await using kopia = await KopiaClient.create({ ...options, flags });
    for (let i = 0; i < 3; i++) {
      writeFileSync(join(tree, 'ever new'), `number ${i}`.repeat(50));
      await kopia.snapshot(tree);
    }
    const longshore = (...args: readonly string[]): Promise<unknown> =>
      world.ok([...args, DANGEROUS], { env: { KOPIA_PASSWORD: PASSWORD } });
    await longshore('repository', 'connect', 'filesystem', '--path', path);
    const contents = (): Promise<readonly Content[]> => kopia.json('content', 'list', '--deleted');
    const packs = async (): Promise<readonly string[]> =>
      (await kopia.json<readonly Blob[]>('blob', 'list'))
        .map(({ id }) => id)
        .filter((id) => /^[pq]/.test(id))
        .toSorted();
    const packOf = async (): Promise<ReadonlyMap<string, string>> =>
      new Map((await contents()).map(({ contentID, packFile }) => [contentID, packFile]));
    const sound = async (): Promise<void> => {
      await kopia.verify();
      await kopia.run('content', 'verify', '--full');
      await longshore('snapshot', 'verify', '--verify-files-percent=100');
    };

    const first = await packOf();
    await longshore('content', 'rewrite', '--short', '--pack-prefix=p', UNSAFE);
    const second = await packOf();
    expect([...second.keys()]).toEqual([...first.keys()]);
    for (const [id, pack] of first) {
      expect({ id, moved: second.get(id) !== pack }).toEqual({ id, moved: pack.startsWith('p') });
    }
    await sound();

    const [id] = [...second.keys()].filter((each) => each.startsWith('k'));
    await kopia.run('content', 'rewrite', id!, UNSAFE, DANGEROUS);
    const third = await packOf();
    await longshore('content', 'rewrite', id!, UNSAFE);
    const fourth = await packOf();
    expect(new Set([second, third, fourth].map((packOfID) => packOfID.get(id!))).size).toBe(3);
    await longshore('content', 'rewrite', `--format-version=${version}`, '--prefixed', UNSAFE);
    await sound();

    // What longshore would collect is what Kopia collects.
    const before = await packs();
    const referenced = new Set((await packOf()).values());
    await longshore('blob', 'gc', '--delete=yes', '--prefix=p', UNSAFE);
    const left = await packs();
    expect(left).toEqual(before.filter((pack) => pack.startsWith('q') || referenced.has(pack)));
    await kopia.run('blob', 'gc', '--delete=yes', UNSAFE, DANGEROUS);
    await longshore('blob', 'gc', '--delete=yes', UNSAFE);
    expect(await packs()).toEqual(before.filter((pack) => referenced.has(pack)));
    await sound();

    await longshore('index', 'optimize', '--all', '--max-small-blobs=1');
    await sound();
    if (version === 1) {
      await kopia.run('index', 'optimize', '--all', DANGEROUS);
      const { contentID } = JSON.parse(
        await kopia.run('content', 'list', '--json', '--prefix=k'),
      )[0] as Content;
      await longshore('index', 'optimize', `--drop-contents=${contentID}`);
      expect((await contents()).map((content) => content.contentID)).not.toContain(contentID);
    }
  }, 400_000);
});
