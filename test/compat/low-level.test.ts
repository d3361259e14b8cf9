import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';

const SURE = '--i-am-sure-kopia-is-not-running';
const kopiaBinary = findKopia();

describe.skipIf(isKopiaMissing(kopiaBinary, 'low-level commands beside those of Kopia', 4))(
  'low-level commands on a connection of both programs',
  () => {
    const world = new CLIWorld();
    const repo = world.path('repo');
    const both = { KOPIA_CONFIG_PATH: world.configFile, KOPIA_CACHE_DIRECTORY: '' };
    let kopia: KopiaClient;

    const config = (): Record<string, unknown> =>
      JSON.parse(readFileSync(world.configFile, 'utf8')) as Record<string, unknown>;

    beforeAll(async () => {
      mkdirSync(repo);
      kopia = await KopiaClient.create({ binary: kopiaBinary!, password: 'secret', path: repo });
      await world.ok(['repository', 'connect', 'filesystem', `--path=${repo}`]);
      mkdirSync(world.path('tree'));
      writeFileSync(world.path('tree', 'file'), 'some text '.repeat(3000));
      await world.ok(['snapshot', 'create', world.path('tree')]);
      await kopia.snapshot(world.path('tree'));
    });
    afterAll(async () => {
      await kopia?.[Symbol.asyncDispose]();
      world[Symbol.dispose]();
    });

    it('write the same connection file when the client changes', async () => {
      for (const flags of [
        ['--read-only', '--description=the attic', '--username=jane', '--hostname=desk'],
        ['--read-write', '--disable-repository-format-cache', '--username=joe', '--username=jim'],
        ['--repository-format-cache-duration=2m'],
      ]) {
        const before = readFileSync(world.configFile);
        await kopia.runWith(both, 'repository', 'set-client', ...flags);
        const theirs = config();
        writeFileSync(world.configFile, before);
        await world.ok(['repository', 'set-client', ...flags]);
        expect(config()).toEqual(theirs);
      }
      for (const command of [['set-client'], ['set-client', '--no-read-only']]) {
        await expect(kopia.runWith(both, 'repository', ...command)).rejects.toMatchObject({
          exitCode: 1,
        });
        expect((await world.run(['repository', ...command])).code).toBe(1);
      }
    });

    it('say the same about epochs', async () => {
      const theirs = await kopia.run('index', 'epoch', 'list');
      expect((await world.ok(['index', 'epoch', 'list'])).stdout).toBe(theirs);
      expect(theirs).toContain('Current Epoch: 0');
    });

    it('count the same contents when they prefetch', async () => {
      const [{ rootEntry } = { rootEntry: { obj: '' } }] = await kopia.snapshots();
      for (const objects of [[rootEntry.obj], [`${rootEntry.obj}/file`, rootEntry.obj]]) {
        for (const flags of [[], ['--hint=none']]) {
          const args = ['cache', 'prefetch', ...objects, ...flags];
          const [theirs] = /prefetched \d+ contents/.exec(await kopia.messages(...args))!;
          expect((await world.ok(args)).stderr).toContain(theirs);
        }
      }
    });

    it('move blobs to the same places, where the other finds them', async () => {
      const modify = ['blob', 'shards', 'modify', `--path=${repo}`, SURE];
      for (const flags of [
        ['--default-shards=5,5', '--unsharded-length=0', '--override=kop=2,,,2'],
        ['--default-shards=flat', '--override=q=flat', '--override=p=0,3'],
        [
          '--default-shards=1,3',
          '--unsharded-length=20',
          ...['none', 'kop', 'q', 'p'].map((prefix) => `--remove-override=${prefix}`),
        ],
      ]) {
        const preview = await kopia.run(...modify, ...flags, '--dry-run');
        const { stdout } = await world.ok([...modify, ...flags]);
        const moves = stdout.split('\n').filter((line) => line.startsWith('mv '));
        expect(moves.length).toBeGreaterThan(0);
        expect(moves.sort()).toEqual(preview.split('\n').filter(Boolean).sort());
        expect(await kopia.run(...modify)).toBe('');
        await kopia.verify();
        await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
      }
    });
  },
);
