import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findKopia, isKopiaMissing, KopiaClient, type KopiaSnapshot } from '../kopia.ts';
import { CLIWorld } from './cli-world.ts';

const kopiaBinary = findKopia();

/** Kopia refuses some commands without it. */
const DANGEROUS = '--dangerous-commands=enabled';

/** One repository, which both programs use as the same user and host. */
let world: CLIWorld;
let kopia: KopiaClient;
let source: string;

beforeEach(async () => {
  if (kopiaBinary === undefined) return;
  world = new CLIWorld();
  source = world.path('source');
  mkdirSync(join(source, 'sub', 'deep'), { recursive: true });
  mkdirSync(join(source, 'gone'));
  mkdirSync(join(source, 'cache'));
  writeFileSync(join(source, 'same'), 'one\n');
  writeFileSync(join(source, 'changed'), 'two\n');
  writeFileSync(join(source, 'mode'), 'x\n');
  writeFileSync(join(source, 'debug.log'), 'noise\n');
  writeFileSync(join(source, '.kopiaignore'), '*.tmp\n');
  writeFileSync(join(source, 'a.tmp'), 'ignored\n');
  writeFileSync(join(source, 'large'), Buffer.alloc(150_000, 'l'));
  writeFileSync(
    join(source, 'cache', 'CACHEDIR.TAG'),
    'Signature: 8a477f597d28d172789f06886806bc55',
  );
  writeFileSync(join(source, 'gone', 'z'), 'z\n');
  writeFileSync(join(source, 'sub', 'deep', 'g'), '2\n');
  symlinkSync('same', join(source, 'link'));
  const options = { binary: kopiaBinary, password: 'secret', path: world.path('repo') };
  mkdirSync(options.path);
  kopia = await KopiaClient.create(options);
  await connect(world, options.path);
});

afterEach(async () => {
  if (kopiaBinary === undefined) return;
  await kopia[Symbol.asyncDispose]();
  world[Symbol.dispose]();
});

async function connect(
  to: CLIWorld,
  path: string,
  env: Record<string, string> = {},
): Promise<void> {
  await to.ok(
    [
      'repository',
      'connect',
      'filesystem',
      `--path=${path}`,
      '--override-hostname=kopia-host',
      '--override-username=tester',
    ],
    { env },
  );
}

/** A second state of the tree. */
function change(): void {
  writeFileSync(join(source, 'changed'), 'twotwo\n');
  chmodSync(join(source, 'mode'), 0o600);
  utimesSync(join(source, 'same'), 1_500_000_000, 1_500_000_000);
  rmSync(join(source, 'gone'), { recursive: true });
  mkdirSync(join(source, 'new'));
  writeFileSync(join(source, 'new', 'n'), 'n\n');
  appendFileSync(join(source, 'sub', 'deep', 'g'), '3\n');
}

async function twoSnapshots(): Promise<readonly [KopiaSnapshot, KopiaSnapshot]> {
  const first = await kopia.snapshot(source);
  change();
  return [first, await kopia.snapshot(source)];
}

function sortedLines(text: string): readonly string[] {
  return text.split('\n').sort();
}

async function rootsOf(client: KopiaClient): Promise<readonly KopiaSnapshot['rootEntry'][]> {
  return (await client.snapshots()).map(({ rootEntry }) => rootEntry);
}

/** Everything below a folder of a repository: blobs by their names. */
function blobsIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.f'))
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'snapshot tools of the program', 12))(
  'beside Kopia, the program',
  () => {
    it('finds the differences that Kopia finds, in its words', async () => {
      const [first, second] = await twoSnapshots();
      const ids = [first.rootEntry.obj, second.rootEntry.obj];
      const ours = (await world.ok(['diff', ...ids])).stdout;
      // Kopia ends without a newline.
      expect(sortedLines(ours)).toEqual(sortedLines(`${await kopia.run('diff', ...ids)}\n`));
      const counts = (await world.ok(['diff', '--stats-only', first.id, second.id])).stdout;
      expect(JSON.parse(counts)).toEqual(
        JSON.parse(await kopia.run('diff', '--stats-only', ...ids)),
      );
      const files = (await world.ok(['diff', '--files', ...ids])).stdout;
      expect(files).toContain('\n-two\n+twotwo\n');
    });

    it('verifies files and folders by their IDs as Kopia does', async () => {
      const { rootEntry } = await kopia.snapshot(source);
      const listing = await kopia.run('list', '-l', rootEntry.obj);
      const file = /(\S+)\s+large$/mu.exec(listing)![1]!;
      const all = ['snapshot', 'verify', '--verify-files-percent=100', '--json'];
      for (const flag of [`--file-id=${file}`, `--file-id=${rootEntry.obj}/large`]) {
        const { stats } = await world.json<{ stats: object }>([...all.slice(0, 3), flag]);
        expect(stats).toMatchObject({ readFileCount: 1, readBytes: 150_000 });
        await kopia.run(...all, flag);
      }
      const wrong = [...all, `--directory-id=${file}`];
      await expect(kopia.run(...wrong)).rejects.toThrow('unable to parse directory object');
      expect((await world.run(wrong)).code).toBe(1);
      expect((await world.run(['list', `${rootEntry.obj}/large`])).stderr).toBe(
        `longshore: ${rootEntry.obj}/large is a file, not a directory\n`,
      );
      expect((await world.run(['show', `${rootEntry.obj}/sub/nope`])).stderr).toBe(
        `longshore: ${rootEntry.obj}/sub has no "nope"; check the path\n`,
      );
      // Only the summaries of folders say what Kopia expects.
      await kopia.snapshot(join(source, 'large'));
      const expected = async (json: Promise<string>): Promise<unknown> =>
        Object.entries((JSON.parse(await json) as { stats: object }).stats).filter(([name]) =>
          name.startsWith('expected'),
        );
      expect(await expected(world.ok(all).then(({ stdout }) => stdout))).toEqual(
        await expected(kopia.run(...all)),
      );
    });

    it('estimates what Kopia estimates', async () => {
      const ours = (await world.ok(['snapshot', 'estimate', '-q', '--show-files', source])).stdout;
      const theirs = await kopia.run('snapshot', 'estimate', '-q', '--show-files', source);
      expect(sortedLines(ours)).toEqual(sortedLines(theirs));
    });

    it('takes files out of snapshots as Kopia does, to the same objects', async () => {
      await twoSnapshots();
      const copy = world.path('copy');
      cpSync(world.path('repo'), copy, { recursive: true, preserveTimestamps: true });
      await using theirs = await KopiaClient.connect({
        binary: kopiaBinary!,
        password: 'secret',
        path: copy,
      });
      const args = ['snapshot', 'fix', 'remove-files', '--filename=*.log', '--filename=deep'];
      const dry = await world.ok(args);
      expect(dry.stderr).toContain('pass --commit');
      const before = await kopia.snapshots();
      await world.ok([...args, '--commit']);
      await theirs.run(...args, '--commit');
      expect(await rootsOf(kopia)).toEqual(await rootsOf(theirs));
      expect(await rootsOf(kopia)).not.toEqual(before.map(({ rootEntry }) => rootEntry));
      await kopia.verify();
    });

    it('puts stubs where files are lost, and then Kopia is content', async () => {
      writeFileSync(join(source, 'lost'), 'these bytes get lost');
      const { rootEntry } = await kopia.snapshot(source);
      const listing = await kopia.run('list', '-l', rootEntry.obj);
      const objectID = /(\S+)\s+lost$/mu.exec(listing)![1]!;
      await kopia.run('content', 'rewrite', DANGEROUS, '--safety=none', objectID);
      const [content] = (
        await kopia.json<{ contentID: string; packFile: string }[]>('content', 'list')
      ).filter((each) => each.contentID === objectID);
      await kopia.run('blob', 'delete', DANGEROUS, content!.packFile);
      await expect(kopia.verify()).rejects.toThrow('snapshot verify');
      await world.ok(['snapshot', 'fix', 'invalid-files', '--commit']);
      await kopia.verify();
      const [fixed] = await kopia.snapshots();
      expect(await kopia.run('list', fixed!.rootEntry.obj)).toContain('.INVALID.lost');
      const stub = await kopia.run('show', `${fixed!.rootEntry.obj}/.INVALID.lost`);
      expect(JSON.parse(stub)).toMatchObject({ entry: { name: 'lost', obj: objectID } });
    });

    it('moves, pins and expires snapshots as Kopia sees them', async () => {
      await twoSnapshots();
      await world.ok(['snapshot', 'copy-history', 'tester@kopia-host', 'other@kopia-host']);
      await world.ok(['snapshot', 'copy-history', 'tester@kopia-host', 'other@kopia-host']);
      expect(await kopia.snapshots()).toHaveLength(4);
      await world.ok(['snapshot', 'move-history', 'other@kopia-host', '@elsewhere']);
      const moved = (await kopia.snapshots()).filter(
        ({ source: { host } }) => host === 'elsewhere',
      );
      expect(moved.map((each) => each.source.userName)).toEqual(['other', 'other']);
      await world.ok(['snapshot', 'pin', '--add=b', '--add=a', moved[0]!.id]);
      const pinned = (await kopia.snapshots()).filter(({ pins }) => pins !== undefined);
      expect(pinned).toMatchObject([{ source: { host: 'elsewhere' }, pins: ['a', 'b'] }]);
      await kopia.run(
        'policy',
        'set',
        '--global',
        '--keep-latest=1',
        '--keep-hourly=0',
        '--keep-daily=0',
        '--keep-weekly=0',
        '--keep-monthly=0',
        '--keep-annual=0',
      );
      const { stderr } = await world.ok(['snapshot', 'expire', '--all']);
      expect(stderr).toContain('1 snapshot(s) of tester@kopia-host');
      expect(await kopia.snapshots()).toHaveLength(4);
      await world.ok(['snapshot', 'expire', '--all', '--delete']);
      const kept = (await kopia.snapshots()).map((each) => each.source.host).sort();
      // The older one of those that moved has the pin.
      expect(kept).toEqual(['elsewhere', 'elsewhere', 'kopia-host']);
    });

    it('copies the repository to where Kopia finds it whole', async () => {
      await twoSnapshots();
      const args = ['repository', 'sync-to', 'filesystem', `--path=${world.path('copy')}`];
      mkdirSync(world.path('copy'));
      mkdirSync(world.path('timed'));
      const { stderr } = await world.ok([...args, '--parallel=4']);
      expect(stderr).toMatch(/Copied \d+ blobs/u);
      await using copy = await KopiaClient.connect({
        binary: kopiaBinary!,
        password: 'secret',
        path: world.path('copy'),
      });
      await copy.verify();
      expect((await copy.snapshots()).map(({ id }) => id)).toEqual(
        (await kopia.snapshots()).map(({ id }) => id),
      );
      expect((await world.ok(args)).stderr).toContain('Copied 0 blobs');
      const timed = ['repository', 'sync-to', 'filesystem', `--path=${world.path('timed')}`];
      await world.ok([...timed, '--times']);
      for (const path of blobsIn(world.path('repo'))) {
        const original = statSync(path, { bigint: true }).mtimeNs;
        const copied = path.replace(world.path('repo'), world.path('timed'));
        const later = Number(statSync(copied, { bigint: true }).mtimeNs - original);
        expect(later).toBeGreaterThanOrEqual(0);
        expect(later).toBeLessThanOrEqual(2000);
      }
      // Nothing is newer than its copy.
      const inSync = `${blobsIn(world.path('repo')).length} in sync`;
      expect(await kopia.messages(...timed, '--times', '-n')).toContain(inSync);
      // Kopia's own copy has nothing left to do.
      await kopia.run(...args, '--delete');
      await copy.verify();
    });

    it('migrates snapshots to another repository in which Kopia reads them', async () => {
      const [first, second] = await twoSnapshots();
      const path = world.path('destination');
      mkdirSync(path);
      await using destination = await KopiaClient.create({
        binary: kopiaBinary!,
        password: 'secret',
        path,
        flags: ['--object-splitter=FIXED-1M'],
      });
      const env = { KOPIA_CONFIG_PATH: world.path('destination.config') };
      await connect(world, path, env);
      const args = ['snapshot', 'migrate', '--all', `--source-config=${world.configFile}`];
      await world.ok(args, { env });
      await destination.verify();
      const migrated = await destination.snapshots();
      expect(migrated.map(({ startTime }) => startTime)).toEqual([
        first.startTime,
        second.startTime,
      ]);
      expect(migrated.map(({ rootEntry }) => rootEntry.summ)).toEqual(
        [first, second].map(({ rootEntry }) => rootEntry.summ),
      );
      expect((await world.ok(args, { env })).stderr).toContain('already migrated');
      expect(await destination.snapshots()).toHaveLength(2);
    });

    it('heals from a copy what was removed, cut and flipped, and Kopia verifies it', async () => {
      // Manifests only: without them nothing could tell which files are lost.
      const first = new Set(blobsIn(world.path('repo')));
      await twoSnapshots();
      const copy = world.path('copy');
      mkdirSync(copy);
      await world.ok(['repository', 'sync-to', 'filesystem', `--path=${copy}`]);
      const packs = blobsIn(world.path('repo')).filter(
        (path) =>
          !first.has(path) && /\/[pq]\/|\/[pq][^/]*$/u.test(path.slice(world.path('repo').length)),
      );
      expect(packs.length).toBeGreaterThanOrEqual(3);
      const [removed, cut, flipped] = packs;
      rmSync(removed!);
      writeFileSync(cut!, readFileSync(cut!).subarray(0, 40));
      const bytes = readFileSync(flipped!);
      bytes[50]! ^= 1;
      writeFileSync(flipped!, bytes);
      await expect(kopia.verify()).rejects.toThrow('snapshot verify');
      const spoiled = ['repository', 'sync-to', 'filesystem', `--path=${copy}`, '--delete'];
      const refused = await world.run(spoiled);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('3 blobs of the repository are lost or damaged');
      const failed = await world.run(['repository', 'heal']);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(/contents are lost, and with them \d+ files/u);
      const healed = await world.ok(['repository', 'heal', `--from=${copy}`]);
      expect(healed.stderr).toContain('Mended 3 of 3 packs');
      await kopia.run('cache', 'clear');
      await kopia.verify();
      expect((await world.ok(['repository', 'heal'])).stderr).toContain('Mended 0 of 0 packs');
    });

    it('stores again what is lost while it backs up, and then Kopia is content', async () => {
      await kopia.snapshot(source);
      for (const pack of blobsIn(world.path('repo'))) {
        if (pack.slice(world.path('repo').length).startsWith('/p')) rmSync(pack);
      }
      await world.ok(['snapshot', 'create', source]);
      await expect(kopia.verify()).rejects.toThrow('snapshot verify');
      await world.ok(['snapshot', 'create', '--heal', source]);
      await kopia.run('cache', 'clear');
      await kopia.verify();
    });

    it('keeps its promise of verification beside Kopia and its maintenance', async () => {
      await twoSnapshots();
      const args = ['verify', '--every-byte-within=30d', '--byte-budget=1GB'];
      const first = await world.json<{
        readBlobs: number;
        totalBlobs: number;
        promiseHolds: boolean;
      }>(args);
      expect(first.promiseHolds).toBe(true);
      expect(first.readBlobs).toBe(first.totalBlobs);
      await kopia.run('maintenance', 'run', '--full');
      await kopia.verify();
      const kept = (await kopia.run('blob', 'list', '--prefix=longshore.')).trim().split('\n');
      expect(kept).toHaveLength(1);
      const [pack] = blobsIn(world.path('repo')).filter((path) =>
        path.slice(world.path('repo').length).startsWith('/p'),
      );
      const bytes = readFileSync(pack!);
      bytes[60]! ^= 1;
      writeFileSync(pack!, bytes);
      const damaged = await world.run(args);
      expect(damaged.code).toBe(1);
      expect(damaged.stderr).toMatch(/lost: tester@kopia-host:.*source@/u);
    });

    it('restores into archives that hold what those of Kopia hold', async () => {
      const { rootEntry } = await kopia.snapshot(source);
      for (const name of ['out.tar', 'out.tgz']) {
        await world.ok(['restore', rootEntry.obj, world.path(`ours-${name}`)]);
        await kopia.run('restore', rootEntry.obj, world.path(`theirs-${name}`));
        const listing = async (whose: string): Promise<readonly string[]> =>
          sortedLines(await listTar(world.path(`${whose}-${name}`)));
        expect(await listing('ours')).toEqual(await listing('theirs'));
      }
      await world.ok(['restore', rootEntry.obj, world.path('out.zip')]);
      await world.ok(['restore', '--mode=tar', `${rootEntry.obj}/sub`, world.path('named')]);
      expect(await listTar(world.path('named'))).toContain('deep/g');
    });
  },
);

async function listTar(path: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    execFile('tar', ['--numeric-owner', '--full-time', '-tvf', path], (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}
