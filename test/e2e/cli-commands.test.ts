import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

interface Snapshot {
  readonly id: string;
  readonly source: { readonly host: string; readonly userName: string; readonly path: string };
  readonly description: string;
  readonly startTime: string;
  readonly endTime: string;
  readonly stats?: object;
  readonly rootEntry: { readonly obj: string };
  readonly tags?: Record<string, string>;
  readonly pins?: readonly string[];
}

describe('the program on a repository of its own', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  let snapshot: Snapshot;

  beforeAll(async () => {
    mkdirSync(world.path('source', 'sub'), { recursive: true });
    writeFileSync(world.path('source', 'a.txt'), 'hello\n', { mode: 0o640 });
    writeFileSync(world.path('source', 'sub', 'b.bin'), Buffer.alloc(300_000, 'b'));
    symlinkSync('a.txt', world.path('source', 'link'));
    await world.ok([
      'repository',
      'create',
      'filesystem',
      `--path=${world.path('repo')}`,
      '--override-hostname=here',
      '--override-username=me',
    ]);
    snapshot = await world.json(['snapshot', 'create', source, '--tags=a:b', '--pin=keep']);
  });

  afterAll(() => world[Symbol.dispose]());

  it('keeps the connection as Kopia does, and its password for the owner alone', () => {
    expect(JSON.parse(readFileSync(world.configFile, 'utf8'))).toEqual({
      storage: {
        type: 'filesystem',
        config: { path: world.path('repo'), fileMode: 0o600, dirMode: 0o700, dirShards: null },
      },
      caching: {
        cacheDirectory: expect.stringMatching(/^home\/\.cache\/kopia\/[0-9a-f]{16}$/),
        maxCacheSize: 5_242_880_000,
        maxMetadataCacheSize: 5_242_880_000,
        maxListCacheDuration: 30,
      },
      hostname: 'here',
      username: 'me',
      description: `Repository in Filesystem: ${world.path('repo')}`,
      enableActions: false,
      formatBlobCacheDuration: 900_000_000_000,
    });
    const password = `${world.configFile}.kopia-password`;
    expect(readFileSync(password, 'utf8')).toBe(Buffer.from('secret').toString('base64'));
    expect(statSync(password).mode & 0o777).toBe(0o600);
    expect(statSync(world.configFile).mode & 0o777).toBe(0o600);
  });

  it('prints a new snapshot without its statistics, and nothing else', () => {
    expect(snapshot).toMatchObject({
      source: { host: 'here', userName: 'me', path: source },
      description: '',
      tags: { 'tag:a': 'b' },
      pins: ['keep'],
      rootEntry: {
        name: 'source',
        type: 'd',
        summ: { size: 300_006, files: 2, symlinks: 1, dirs: 2, numFailed: 0 },
      },
    });
    expect(snapshot).not.toHaveProperty('stats');
  });

  it('opens the repository with the password that was kept', async () => {
    const { stdout } = await world.ok(['snapshot', 'list', '--manifest-id'], {
      env: { KOPIA_PASSWORD: '' },
    });
    expect(stdout).toContain(`manifest:${snapshot.id} files:2 dirs:2`);
    expect(stdout).toMatch(/ pins:keep\n$/);
  });

  it('lists and shows what a snapshot holds', async () => {
    const { stdout } = await world.ok(['ls', '-lr', snapshot.id]);
    const lines = stdout.split('\n').map((line) => line.replaceAll(/\s+/g, ' '));
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'drwxr-xr-x',
      '-rw-r--r--',
      '-rw-r-----',
      'Lrwxrwxrwx',
      '',
    ]);
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual([
      'sub/',
      'sub/b.bin',
      'a.txt',
      'link',
      '',
    ]);
    expect((await world.ok(['show', `${snapshot.rootEntry.obj}/a.txt`])).stdout).toBe('hello\n');
    // Nothing is before the first one of a source.
    expect((await world.ok(['snapshot', 'list', '--delta'])).stdout).not.toContain('(+');
  });

  it('restores by ID, by path, and a single file', async () => {
    await world.ok(['restore', snapshot.rootEntry.obj, world.path('by-id')]);
    await world.ok(['snapshot', 'restore', `${source}/sub`, world.path('by-path')]);
    await world.ok(['restore', `${snapshot.id}/a.txt`, world.path('alone.txt')]);
    expect(readFileSync(world.path('by-id', 'link'), 'utf8')).toBe('hello\n');
    expect(statSync(world.path('by-path', 'b.bin')).size).toBe(300_000);
    expect(readFileSync(world.path('alone.txt'), 'utf8')).toBe('hello\n');
    expect(statSync(world.path('alone.txt')).mode & 0o777).toBe(0o640);
  });

  it('leaves placeholders, backs them up as what they stand for, and fills them in', async () => {
    await world.ok(['restore', snapshot.id, world.path('shallow'), '--shallow=0']);
    const again = await world.json<Snapshot>(['snapshot', 'create', world.path('shallow')]);
    const { stdout } = await world.ok(['show', `${again.id}/sub/b.bin`]);
    expect(stdout.length).toBe(300_000);
    await world.ok(['restore', world.path('shallow', 'a.txt.kopia-entry')]);
    expect(readFileSync(world.path('shallow', 'a.txt'), 'utf8')).toBe('hello\n');
  });

  it('backs up what comes through a pipe, as a source that only people back up again', async () => {
    await world.ok(['snapshot', 'create', '/dump', '--stdin-file=dump.sql'], {
      stdin: 'select 1;',
    });
    const { stdout } = await world.ok(['snapshot', 'list', '/dump', '--json']);
    const [stored] = JSON.parse(stdout) as readonly [Snapshot];
    expect((await world.ok(['show', `${stored.id}/dump.sql`])).stdout).toBe('select 1;');
    const policy = await world.json<object>(['policy', 'show', 'me@here:/dump']);
    expect(policy).toMatchObject({ scheduling: { manual: true } });
  });

  it('takes the times, the source and the description that it is told', async () => {
    const told = await world.json<Snapshot>([
      'snapshot',
      'create',
      source,
      '--override-source=other@there:/elsewhere',
      '--start-time=2026-03-01 02:00:00 UTC',
      '--description=told',
    ]);
    expect(told).toMatchObject({
      source: { userName: 'other', host: 'there', path: '/elsewhere' },
      startTime: '2026-03-01T02:00:00Z',
      description: 'told',
    });
    expect(Date.parse(told.endTime) - Date.parse(told.startTime)).toBeLessThan(60_000);
    expect((await world.ok(['snapshot', 'list'])).stdout).not.toContain('/elsewhere');
    expect((await world.ok(['snapshot', 'list', '--all'])).stdout).toContain('there:/elsewhere');
  });

  it('deletes a snapshot only when that is confirmed', async () => {
    const { id } = await world.json<Snapshot>(['snapshot', 'create', world.path('source', 'sub')]);
    const asked = await world.ok(['snapshot', 'delete', id]);
    expect(asked.stderr).toContain(`Would delete snapshot ${id}`);
    await world.ok(['manifest', 'show', id]);
    await world.ok(['snapshot', 'delete', id, '--delete']);
    expect((await world.run(['manifest', 'show', id])).code).toBe(1);
  });

  it('changes policies and says where each setting comes from', async () => {
    await world.ok(['policy', 'set', '--global', '--compression=zstd', '--add-ignore=*.bak']);
    await world.ok(['policy', 'set', source, '--keep-latest=3', '--splitter=FIXED-1M']);
    const { stdout } = await world.ok(['policy', 'show', source]);
    expect(stdout).toMatch(/Latest snapshots: +3 +\(defined for this target\)/);
    expect(stdout).toMatch(/Compressor: +zstd +inherited from \(global\)/);
    expect(stdout).toMatch(/Algorithm override: +FIXED-1M +\(defined for this target\)/);
    await world.ok(['policy', 'set', source, '--keep-latest=inherit', '--splitter=inherit']);
    expect(await world.json(['policy', 'show', source])).toMatchObject({
      retention: { keepLatest: 10 },
      splitter: {},
    });
  });

  it('verifies everything, and prints counters only with --json', async () => {
    const verified = await world.json<{ stats: object; errorCount: number }>([
      'snapshot',
      'verify',
      '--verify-files-percent=100',
    ]);
    expect(verified).toMatchObject({ errorCount: 0, stats: { readFileCount: expect.any(Number) } });
    const contents = await world.ok(['content', 'verify', '--full']);
    expect(contents.stderr).toContain('0 in missing packs, 0 in truncated packs, 0 unreadable');
  });

  it('changes the password, after which the old one is wrong', async () => {
    await world.ok(['repository', 'change-password', '--new-password=other']);
    expect((await world.run(['snapshot', 'list'])).stderr).toContain('wrong password');
    await world.ok(['snapshot', 'list'], { env: { KOPIA_PASSWORD: '' } });
    await world.ok(['repository', 'change-password', '--new-password=secret'], {
      env: { KOPIA_PASSWORD: 'other' },
    });
  });

  it('changes parameters and shows them', async () => {
    await world.ok(['repository', 'set-parameters', '--max-pack-size-mb=30']);
    expect(await world.json(['repository', 'status'])).toMatchObject({
      contentFormat: { maxPackSize: 31_457_280 },
    });
    const { stderr } = await world.ok(['repository', 'set-parameters']);
    expect(stderr).toBe('No change was asked for.\n');
  });

  it('changes what this client is called and may do', async () => {
    const set = ['repository', 'set-client'];
    const { username, hostname, description } = await world
      .json<Record<string, unknown>>(['repository', 'status'])
      .then(({ clientOptions }) => clientOptions as Record<string, unknown>);
    await world.ok([...set, '--read-only', '--username=other', '--description=changed']);
    const refused = await world.run(['snapshot', 'create', source, '--exit-codes=detailed']);
    expect(refused.code).toBe(15);
    expect(await world.json(['repository', 'status'])).toMatchObject({
      clientOptions: { readonly: true, username: 'other', description: 'changed', hostname },
    });
    await world.ok([
      ...set,
      '--read-write',
      `--username=${String(username)}`,
      `--description=${String(description)}`,
    ]);
    expect(await world.json(['repository', 'status'])).toMatchObject({
      clientOptions: { username, hostname, description },
    });
    for (const wrong of [[], ['--read-only', '--read-write']]) {
      expect((await world.run([...set, ...wrong, '--exit-codes=detailed'])).code).toBe(2);
    }
  });

  it('builds the indexes anew from the packs when one is damaged', async () => {
    const [index] = await world.json<readonly { readonly id: string }[]>(['index', 'list']);
    const damaged = world.path('repo', index!.id.slice(0, 1), index!.id.slice(1, 4));
    const file = `${damaged}/${index!.id.slice(4)}.f`;
    const bytes = readFileSync(file);
    bytes[40]! ^= 1;
    writeFileSync(file, bytes);
    expect((await world.run(['snapshot', 'list'])).stderr).toContain('"longshore index recover');
    const recover = ['index', 'recover', '--delete-indexes', '--commit'];
    expect((await world.run(recover)).stderr).toContain('--dangerous-commands=enabled');
    await world.ok([...recover, '--dangerous-commands=enabled']);
    await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
  });

  it('connects another machine with a token, for reading only, and is disconnected again', async () => {
    const { stdout } = await world.ok(['repository', 'status', '-ts']);
    const token = /--token (\S+)/.exec(stdout)?.[1] ?? '';
    const env = { KOPIA_CONFIG_PATH: world.path('other.config'), KOPIA_PASSWORD: '' };
    await world.ok(['repository', 'connect', 'from-config', `--token=${token}`, '--readonly'], {
      env,
    });
    await world.ok(['snapshot', 'list', '--all'], { env });
    const refused = await world.run(['snapshot', 'create', source], { env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('reading only') });
    await world.ok(['repository', 'disconnect'], { env });
    const gone = await world.run(['snapshot', 'list'], { env });
    expect(gone.stderr).toContain('not connected to a repository');
  });

  it('checks the storage and leaves nothing behind', async () => {
    const before = await world.json<readonly unknown[]>(['blob', 'list']);
    await world.ok(['repository', 'validate-provider', '--concurrency-test-duration=500ms']);
    expect(await world.json(['blob', 'list'])).toEqual(before);
  });

  it('measures algorithms', async () => {
    for (const args of [
      ['hashing', '--repeat=1', '--block-size=64KB'],
      ['encryption', '--repeat=1', '--block-size=64KB'],
      ['crypto', '--repeat=1', '--block-size=64KB'],
      ['ecc', '--repeat=1', '--block-size=64KB'],
      ['splitter', '--block-count=1', '--data-size=1MB'],
      ['compression', `--data-file=${source}/sub/b.bin`, '--repeat=1', '--algorithms=zstd,gzip'],
    ]) {
      const { stdout } = await world.ok(['benchmark', ...args]);
      expect(stdout).toMatch(/B\/s| B \/ second|MB \/ second|GB \/ second/);
    }
  });

  it('writes what it did into a log file, without the password', async () => {
    const logFile = world.path('run.log');
    await world.ok(['snapshot', 'list', `--log-file=${logFile}`, '--password=secret']);
    const log = readFileSync(logFile, 'utf8');
    expect(log).toContain('storage get kopia.repository');
    expect(log).not.toContain('secret');
  });

  it('writes JSON for programs that read logs, and local times where that is asked for', async () => {
    const logFile = world.path('json.log');
    const { stderr } = await world.ok(
      [
        'snapshot',
        'create',
        source,
        `--log-file=${logFile}`,
        '--json-log-file',
        '--file-log-local-tz',
        '--json-log-console',
        '--log-dir-detail=5',
      ],
      { env: { TZ: 'Asia/Kolkata' } },
    );
    const parsed = (text: string): readonly Record<string, unknown>[] =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(parsed(stderr)[0]).toEqual({
      n: 'longshore',
      m: expect.stringContaining('Snapshotting'),
    });
    const lines = parsed(readFileSync(logFile, 'utf8'));
    expect(lines.find(({ m, path }) => m === 'snapshotted directory' && path === '.')).toEqual({
      l: 'DEBUG',
      t: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30$/),
      n: 'longshore',
      m: 'snapshotted directory',
      path: '.',
      dur: expect.any(String),
      size: expect.any(Number),
      files: expect.any(Number),
      dirs: expect.any(Number),
      errors: 0,
    });
    const time = Date.parse(lines[0]!['t'] as string);
    expect(Math.abs(Date.now() - time)).toBeLessThan(120_000);
  });
});

describe('the program on its own', () => {
  const world = new CLIWorld();
  afterAll(() => world[Symbol.dispose]());

  it('says its version and describes itself', async () => {
    expect((await world.ok(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stdout } = await world.ok(['--help']);
    expect(stdout).toContain('snapshot create');
    expect(stdout).not.toContain('blob delete');
    expect((await world.ok(['--help-full'])).stdout).toContain('blob delete');
    expect((await world.ok(['help', 'snap', 'ls'])).stdout).toMatch(
      /^Usage: longshore snapshot list/,
    );
  });

  it('needs nothing for quickstart but a folder', async () => {
    mkdirSync(world.path('photos'));
    writeFileSync(world.path('photos', 'one.jpg'), 'one');
    const first = await world.ok(['quickstart', 'photos'], { env: { KOPIA_PASSWORD: '' } });
    const data = world.path('home', '.local', 'share', 'longshore', 'quickstart');
    expect(first.stderr).toContain(`is kept in ${data}/password`);
    expect(first.stderr).toContain('Verified every byte of 1 files (3 B).');
    expect(statSync(`${data}/password`).mode & 0o777).toBe(0o600);
    const commands = [...first.stdout.matchAll(/^ {2}\S*longshore (--config-file .*)$/gm)].map(
      ([, line]) => line!.split(' '),
    );
    expect(commands).toHaveLength(3);
    for (const command of commands) await world.ok(command, { env: { KOPIA_PASSWORD: '' } });
    expect(readFileSync(world.path('restored', 'one.jpg'), 'utf8')).toBe('one');

    writeFileSync(world.path('photos', 'two.jpg'), 'two');
    const second = await world.ok(['quickstart', 'photos']);
    expect(second.stderr).not.toContain('password');
    expect(second.stdout).toContain('files:2');
  });
});
