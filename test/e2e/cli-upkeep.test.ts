import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

interface StoredConfig {
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
