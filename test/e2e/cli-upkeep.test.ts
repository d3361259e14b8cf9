import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld, type CLIResult } from './cli-world.ts';

interface StoredConfig {
  readonly hostname?: string;
  readonly username?: string;
  readonly readonly?: boolean;
  readonly description?: string;
  readonly formatBlobCacheDuration?: number;
  readonly caching: Record<string, unknown>;
  readonly throttlingLimits?: Record<string, unknown>;
}

describe('the connection from the command line', () => {
  const world = new CLIWorld();

  const config = (): StoredConfig =>
    JSON.parse(readFileSync(world.configFile, 'utf8')) as StoredConfig;

  beforeAll(async () => {
    await world.ok(['repository', 'create', 'filesystem', `--path=${world.path('repo')}`]);
  });

  afterAll(() => world[Symbol.dispose]());

  it('keeps limits of speed where Kopia looks for them, without those that were lifted', async () => {
    await world.ok([
      'repository',
      'throttle',
      'set',
      '--download-bytes-per-second=1e9',
      '--concurrent-reads=5',
    ]);
    await world.ok(['repository', 'throttle', 'set', '--concurrent-reads=unlimited']);
    expect(config().throttlingLimits).toEqual({ maxDownloadSpeedBytesPerSecond: 1e9 });
    expect(await world.json(['repository', 'throttle', 'get'])).toEqual(config().throttlingLimits);
    const wrong = await world.run(['repository', 'throttle', 'set', '--concurrent-writes=2.5']);
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--concurrent-writes'),
    });
  });

  it('changes what the client is called and may do where Kopia looks for it', async () => {
    const set = (...flags: readonly string[]): Promise<CLIResult> =>
      world.run(['repository', 'set-client', ...flags]);
    const before = config();
    const source = world.path('source');
    mkdirSync(source);
    const snapshot = ['snapshot', 'create', source];

    const changed = await set(
      '--read-only',
      '--username=jane',
      '--username=ignored',
      '--hostname=desk',
      '--description=the attic',
      '--disable-repository-format-cache',
    );
    expect(changed.code).toBe(0);
    expect(config()).toEqual({
      ...before,
      readonly: true,
      username: 'jane',
      hostname: 'desk',
      description: 'the attic',
      formatBlobCacheDuration: -1,
    });
    expect(await world.run(snapshot)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('set-client --read-write'),
    });
    expect(await set('--read-only')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/already.*reading only[^]*no change was asked for/),
    });

    await world.ok([
      'repository',
      'set-client',
      '--read-write',
      '--repository-format-cache-duration=2m',
    ]);
    expect(config().readonly).toBeUndefined();
    expect(config().formatBlobCacheDuration).toBe(120_000_000_000);
    const { source: named } = await world.json<{ source: object }>(snapshot);
    expect(named).toMatchObject({ userName: 'jane', host: 'desk' });
  });

  it('takes an empty name for the default, as one that the file leaves out', async () => {
    await world.ok(['repository', 'set-client', '--username=', '--hostname=', '--description=']);
    const { clientOptions } = await world.json<{ clientOptions: StoredConfig }>([
      'repository',
      'status',
    ]);
    expect(clientOptions).toMatchObject({
      username: userInfo().username,
      hostname: expect.stringMatching(/./),
      description: `Repository in Filesystem: ${world.path('repo')}`,
    });
  });

  it.each([
    [['--read-only', '--read-write'], '--read-write'],
    [['--permissive-cache-loading'], '--permissive-cache-loading'],
    [['--repository-format-cache-duration=-1s'], '--repository-format-cache-duration'],
    [
      ['--repository-format-cache-duration=1m', '--disable-repository-format-cache'],
      '--disable-repository-format-cache',
    ],
    [[], 'no change'],
  ])('refuses %j and leaves the connection alone', async (flags, named) => {
    const before = config();
    expect(await world.run(['repository', 'set-client', ...flags])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(named),
    });
    expect(config()).toEqual(before);
  });

  it('keeps sizes of the cache where Kopia looks for them', async () => {
    const folder = world.path('cache');
    await world.ok([
      'cache',
      'set',
      `--cache-directory=${folder}`,
      '--content-cache-size-mb=77',
      '--max-list-cache-duration=1m',
    ]);
    expect(config().caching).toMatchObject({
      cacheDirectory: 'cache',
      maxCacheSize: 77_000_000,
      maxListCacheDuration: 60,
    });
    const { stdout } = await world.ok(['cache', 'info', '--path']);
    expect(stdout).toBe(`${folder}\n`);
    const { stdout: parts, stderr } = await world.ok(['cache', 'info']);
    expect(parts).toBe('');
    expect(stderr).toContain(`${folder} is empty.`);
  });

  it('empties the cache and touches nothing else in its folder', async () => {
    for (const part of ['contents', 'precious']) {
      mkdirSync(world.path('cache', part), { recursive: true });
      writeFileSync(world.path('cache', part, 'file'), 'data');
    }
    await world.ok(['cache', 'clear']);
    expect(existsSync(world.path('cache', 'contents'))).toBe(false);
    expect(existsSync(world.path('cache', 'precious', 'file'))).toBe(true);
  });

  it('has no sessions and no logs of its own making left', async () => {
    expect((await world.ok(['session', 'list'])).stdout).toBe('');
    expect((await world.ok(['logs', 'list'])).stdout).toBe('');
    expect(await world.run(['logs', 'show'])).toMatchObject({ code: 1 });
  });
});
