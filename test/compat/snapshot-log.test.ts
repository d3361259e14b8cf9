import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing, KopiaClient } from '../kopia.ts';

const kopiaBinary = findKopia();

/** A line of the log about one entry: its message, a tab, and details of which `dur` differs from run to run. */
const ENTRY_LINE = /^(?:\S+ DEBUG )?((?:snapshotted|ignored|cached|cache miss).*)\t(\{.*\})$/;

/** Lines about entries, sorted: both programs work on several at once. */
function entryLines(log: string): readonly string[] {
  return log
    .split('\n')
    .flatMap((line) => {
      const match = ENTRY_LINE.exec(line);
      if (match === null) return [];
      const details: Record<string, unknown> = JSON.parse(match[2]!);
      if ('dur' in details) {
        expect(details['dur']).toMatch(/^[0-9.]+(?:ns|µs|ms|s)$/);
        details['dur'] = 'some time';
      }
      if (typeof details['mtime'] === 'string') {
        // Of what is cached no more, Kopia tells fractions in the machine's zone.
        details['mtime'] = details['mtime'].replace(/\.\d+/, '');
      }
      return [`${match[1]} ${JSON.stringify(details)}`];
    })
    .sort();
}

describe.skipIf(isKopiaMissing(kopiaBinary, 'the log of snapshots against Kopia', 3))(
  'what logging policies ask for',
  () => {
    const world = new CLIWorld();
    const source = world.path('source');
    let kopia: KopiaClient;

    beforeAll(async () => {
      for (const folder of ['sub/deep', 'left-out', 'cache']) {
        mkdirSync(`${source}/${folder}`, { recursive: true });
      }
      writeFileSync(`${source}/.kopiaignore`, 'left-out\n*.tmp\n');
      writeFileSync(`${source}/left-out/a`, 'a');
      writeFileSync(`${source}/cache/CACHEDIR.TAG`, 'Signature: 8a477f597d28d172789f06886806bc55');
      writeFileSync(`${source}/a`, 'a');
      writeFileSync(`${source}/sub/b`, 'bb');
      writeFileSync(`${source}/sub/c.tmp`, 'c');
      writeFileSync(`${source}/sub/deep/d`, 'dddd');
      symlinkSync('a', `${source}/link`);
      utimesSync(`${source}/sub/b`, 1_700_000_000, 1_700_000_000.25);
      const path = world.path('repo');
      mkdirSync(path);
      const identity = { userName: 'tester', hostName: 'kopia-host' };
      kopia = await KopiaClient.create({
        binary: kopiaBinary!,
        path,
        password: 'secret',
        ...identity,
      });
      await world.ok([
        'repository',
        'connect',
        'filesystem',
        `--path=${path}`,
        `--override-username=${identity.userName}`,
        `--override-hostname=${identity.hostName}`,
      ]);
    });

    afterAll(async () => {
      await kopia[Symbol.asyncDispose]();
      world[Symbol.dispose]();
    });

    /** Both back up the same tree after what both have seen before; the log goes to the console, and to our file. */
    async function bothLogs(...flags: readonly string[]): Promise<{
      readonly theirs: readonly string[];
      readonly ours: readonly string[];
      readonly inFile: readonly string[];
    }> {
      const file = world.path('run.log');
      writeFileSync(file, '');
      const args = ['snapshot', 'create', source, '--no-auto-maintenance', ...flags];
      const other = ['--override-source=tester@kopia-host:/theirs', '--log-level=debug'];
      const theirs = entryLines(await kopia.messages(...args, ...other));
      const { stderr } = await world.ok([...args, '--log-level=debug', `--log-file=${file}`]);
      return { theirs, ours: entryLines(stderr), inFile: entryLines(readFileSync(file, 'utf8')) };
    }

    it('is logged line for line as Kopia does, on the console and in the file', async () => {
      const first = await bothLogs('--log-dir-detail=10', '--log-entry-detail=10');
      expect(first.ours).toEqual(first.theirs);
      expect(first.inFile).toEqual(first.theirs);
      expect(first.ours.join('\n')).toContain('snapshotted file {"path":"sub/deep/d"');
      await kopia.run(
        'policy',
        'set',
        '--global',
        '--log-entry-cache-hit=7',
        '--log-entry-cache-miss=5',
        '--log-entry-snapshotted=3',
        '--log-dir-ignored=0',
      );
      writeFileSync(`${source}/a`, 'another');
      const second = await bothLogs();
      expect(second.ours).toEqual(second.theirs);
      expect(second.ours.filter((line) => line.startsWith('cached'))).toHaveLength(4);
      expect(second.ours.filter((line) => line.startsWith('cache miss'))).toHaveLength(1);
      expect(second.ours.filter((line) => line.startsWith('ignored directory'))).toEqual([]);
    });

    it('is silent at level 0', async () => {
      await kopia.run(
        'policy',
        'set',
        '--global',
        ...['dir-snapshotted', 'dir-ignored', 'entry-snapshotted', 'entry-ignored'].map(
          (name) => `--log-${name}=0`,
        ),
        '--log-entry-cache-hit=0',
        '--log-entry-cache-miss=0',
      );
      expect(await bothLogs()).toEqual({ theirs: [], ours: [], inFile: [] });
    });

    it('is logged for snapshots that are migrated', async () => {
      await kopia.run('policy', 'set', '--global', '--log-entry-snapshotted=1');
      await using target = await KopiaClient.create({
        binary: kopiaBinary!,
        path: world.path('target'),
        password: 'secret',
      });
      await target.run('policy', 'set', '--global', '--log-entry-snapshotted=1');
      const config = world.path('target.config');
      await world.ok([
        'repository',
        'connect',
        'filesystem',
        `--path=${world.path('target')}`,
        `--config-file=${config}`,
      ]);
      const { stderr } = await world.ok([
        'snapshot',
        'migrate',
        '--all',
        `--source-config=${world.configFile}`,
        `--config-file=${config}`,
        '--log-level=debug',
      ]);
      expect(entryLines(stderr).join('\n')).toContain('snapshotted file {"path":"sub/b"');
    });
  },
);
