import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

interface Content {
  readonly contentID: string;
  readonly packFile: string;
  readonly time: number;
  readonly deleted: boolean;
  readonly formatVersion: number;
}

const DANGEROUS = '--dangerous-commands=enabled';
const HOUR_MS = 3_600_000;

describe('moving contents and freeing space from the command line', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  const repository = world.path('repo');

  const contents = (): Promise<readonly Content[]> =>
    world.json<readonly Content[]>(['content', 'list', '--deleted']);
  const packOf = async (id: string): Promise<string> =>
    (await contents()).find(({ contentID }) => contentID === id)!.packFile;
  const files = (): readonly string[] =>
    readdirSync(repository, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.f'),
    );
  const stored = (pack: string): boolean =>
    files().some((name) => name.replaceAll('/', '') === `${pack}.f`);
  /** Makes everything that is stored look older. */
  const age = (hours: number): void => {
    const then = new Date(Date.now() - hours * HOUR_MS);
    for (const name of files()) utimesSync(join(repository, name), then, then);
  };

  /** As if the last rewrite had been long ago. */
  const forgetRewrites = (): void => rmSync(join(repository, 'kopia.maintenance.f'));

  beforeAll(async () => {
    mkdirSync(source);
    await world.ok(['repository', 'create', 'filesystem', `--path=${repository}`]);
    for (let i = 0; i < 3; i++) {
      writeFileSync(world.path('source', 'a'), `text ${i}`.repeat(100));
      await world.ok(['snapshot', 'create', source, '--no-auto-maintenance']);
    }
  });

  afterAll(() => world[Symbol.dispose]());

  it('is refused without the switch for what can destroy a repository', async () => {
    for (const command of [
      ['content', 'rewrite', '--short'],
      ['blob', 'gc', '--delete=yes'],
    ]) {
      expect(await world.run(command)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(DANGEROUS),
      });
    }
  });

  it('leaves young contents where they are, unless told that nobody else is there', async () => {
    const before = await contents();
    const { stderr } = await world.ok(['content', 'rewrite', '--short', DANGEROUS]);
    expect(stderr).toContain('rewritten content count 0');
    expect(await contents()).toEqual(before);
  });

  it('says what it would move, and moves nothing in a dry run', async () => {
    const before = await contents();
    const { stderr } = await world.ok([
      'content',
      'rewrite',
      '--short',
      '-n',
      '--safety=none',
      DANGEROUS,
    ]);
    expect(stderr.match(/Would store/g)).toHaveLength(before.length);
    expect(stderr).toContain('is short');
    expect(await contents()).toEqual(before);
  });

  it('moves what is named, and nothing else', async () => {
    const before = await contents();
    const [named] = before;
    await world.ok(['content', 'rewrite', named!.contentID, '--safety=none', DANGEROUS]);
    const moved = (await contents()).filter(
      ({ contentID, packFile }) =>
        before.find((content) => content.contentID === contentID)?.packFile !== packFile,
    );
    expect(moved.map(({ contentID }) => contentID)).toEqual([named!.contentID]);
    const missing = await world.run([
      'content',
      'rewrite',
      '00000000000000000000000000000000',
      DANGEROUS,
    ]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('not in') });
  });

  it('moves by format version within the range that is asked for', async () => {
    const before = await contents();
    const others = await world.ok([
      'content',
      'rewrite',
      '--format-version=2',
      '--safety=none',
      DANGEROUS,
    ]);
    expect(others.stderr).toContain('to rewrite content count 0');
    await world.ok([
      'content',
      'rewrite',
      '--format-version=3',
      '--prefix=k',
      '--parallelism=2',
      '--safety=none',
      DANGEROUS,
    ]);
    for (const { contentID, packFile } of before) {
      const isDirectory = contentID.startsWith('k');
      expect((await packOf(contentID)) !== packFile).toBe(isDirectory);
    }
  });

  it('gathers the contents of short packs of one kind, deleted ones as deleted ones', async () => {
    const data = (await contents()).filter(({ packFile }) => packFile.startsWith('p'));
    const [gone] = data;
    await world.ok(['content', 'delete', gone!.contentID, DANGEROUS]);
    await world.ok([
      'content',
      'rewrite',
      '--short',
      '--pack-prefix=p',
      '--safety=none',
      DANGEROUS,
    ]);
    const after = (await contents()).filter(({ packFile }) => packFile.startsWith('p'));
    expect(new Set(after.map(({ packFile }) => packFile)).size).toBe(1);
    expect(after.find(({ contentID }) => contentID === gone!.contentID)?.deleted).toBe(true);
    expect(data.every(({ packFile }) => stored(packFile))).toBe(true);
  });

  it('keeps packs that a writer may be about to name, and says what it would delete', async () => {
    await world.ok(['content', 'rewrite', '--short', '--safety=none', DANGEROUS]);
    const early = await world.run(['blob', 'gc', '--delete=yes', DANGEROUS]);
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('just moved') });
    forgetRewrites();
    const before = files();
    const young = await world.ok(['blob', 'gc', '--delete=yes', DANGEROUS]);
    expect(young.stderr).toMatch(/deleted pack count 0.*retained pack count [1-9]/);
    age(25);
    const dry = await world.ok(['blob', 'gc', DANGEROUS]);
    expect(dry.stderr).toContain('Pass --delete=yes to delete.');
    expect(dry.stderr).toContain('Would delete p');
    expect(files()).toEqual(before);
  });

  it('deletes packs that nothing refers to, with the prefix that is asked for', async () => {
    const everything = ['--format-version=3', '--prefixed', '--safety=none'];
    await world.ok(['content', 'rewrite', ...everything, DANGEROUS]);
    age(25);
    forgetRewrites();
    const referenced = new Set((await contents()).map(({ packFile }) => packFile));
    const packs = (letter: string): readonly string[] =>
      files()
        .map((name) => name.replaceAll('/', '').slice(0, -2))
        .filter((name) => name.startsWith(letter));
    await world.ok(['blob', 'gc', '--delete=yes', '--prefix=p', '--parallel=2', DANGEROUS]);
    expect(packs('p').every((pack) => referenced.has(pack))).toBe(true);
    expect(packs('q').every((pack) => referenced.has(pack))).toBe(false);
    await world.ok(['blob', 'gc', '--delete=yes', '--safety=none', DANGEROUS]);
    expect(packs('q').every((pack) => referenced.has(pack))).toBe(true);
    expect(files().some((name) => name.includes('longshore'))).toBe(false);
  });

  it('never takes indexes for garbage', async () => {
    for (const prefix of ['x', 'xn', 'kopia', 'n']) {
      const refused = await world.run([
        'blob',
        'gc',
        `--prefix=${prefix}`,
        '--delete=yes',
        DANGEROUS,
      ]);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('no garbage') });
    }
  });
});
