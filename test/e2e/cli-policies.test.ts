import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

type Policies = Record<string, Record<string, unknown>>;

describe('policies from the command line', () => {
  const world = new CLIWorld();

  async function exported(...args: readonly string[]): Promise<Policies> {
    const { stdout } = await world.ok(['policy', 'export', ...args]);
    return JSON.parse(stdout) as Policies;
  }

  beforeAll(async () => {
    await world.ok([
      'repository',
      'create',
      'filesystem',
      `--path=${world.path('repo')}`,
      '--override-hostname=here',
      '--override-username=me',
    ]);
  });

  afterAll(() => world[Symbol.dispose]());

  it('hold schedules, programs and shadow copies as Kopia stores them', async () => {
    writeFileSync(world.path('script.sh'), '#!/bin/sh\ntrue\n');
    await world.ok([
      'policy',
      'set',
      '/data',
      '--snapshot-time-crontab=0 5 * * *; @daily',
      '--before-folder-action=script.sh',
      '--persist-action-script',
      '--action-command-mode=async',
      '--action-command-timeout=90s',
      '--enable-volume-shadow-copy=when-available',
    ]);
    expect(await exported('/data')).toEqual({
      'me@here:/data': expect.objectContaining({
        scheduling: { cron: ['0 5 * * *', '@daily'] },
        actions: { beforeFolder: { script: '#!/bin/sh\ntrue\n', timeout: 90, mode: 'async' } },
        osSnapshots: { volumeShadowCopy: { enable: 2 } },
      }),
    });
    const wrong = await world.run(['policy', 'set', '/data', '--snapshot-time-crontab=at noon']);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('at noon') });
    await world.ok([
      'policy',
      'set',
      '/data',
      '--snapshot-time-crontab=inherit',
      '--before-folder-action=none',
      '--enable-volume-shadow-copy=inherit',
    ]);
    expect((await exported('/data'))['me@here:/data']).toMatchObject({
      scheduling: {},
      actions: {},
      osSnapshots: { volumeShadowCopy: {} },
    });
  });

  it('inherit or not by a word of its own, and no folder is taken for it', async () => {
    const before = Object.keys(await exported());
    for (const [word, noParent] of [
      ['false', true],
      ['true', undefined],
    ] as const) {
      await world.ok(['policy', 'set', '/inherits', '--inherit', word]);
      expect((await exported('/inherits'))['me@here:/inherits']?.['noParent']).toBe(noParent);
    }
    expect(Object.keys(await exported()).sort()).toEqual([...before, 'me@here:/inherits'].sort());
    await world.ok(['policy', 'delete', '/inherits']);
  });

  it('come back from an export as they were, and go where others are to be deleted', async () => {
    await world.ok(['policy', 'set', '/data', '@there', '--keep-latest=3']);
    const before = await exported();
    expect(Object.keys(before)).toEqual(['(global)', '@there', 'me@here:/data']);
    const file = world.path('policies.json');
    await world.ok(['policy', 'export', `--to-file=${file}`]);
    const again = await world.run(['policy', 'export', `--to-file=${file}`]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--overwrite') });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(before);

    await world.ok(['policy', 'delete', '/data', '--dry-run']);
    await world.ok(['policy', 'delete', '/data']);
    await world.ok(['policy', 'set', '/other', '--keep-latest=1']);
    await world.ok(['policy', 'import', '--delete-other-policies'], {
      stdin: readFileSync(file, 'utf8'),
    });
    expect(await exported()).toEqual(before);
  });

  it('are not imported at all if a setting is misspelt', async () => {
    const before = await exported();
    const stdin = JSON.stringify({
      '@there': { retention: { keepLatest: 9 } },
      '/data': { retention: { keepLatets: 9 } },
    });
    const refused = await world.run(['policy', 'import'], { stdin });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('retention.keepLatets'),
    });
    expect(await exported()).toEqual(before);
    await world.ok(['policy', 'import', '--allow-unknown-fields', '@there'], { stdin });
    expect(await exported('@there')).toMatchObject({ '@there': { retention: { keepLatest: 9 } } });
  });

  it('leave sources that are backed up by hand out of --all', async () => {
    for (const name of ['scheduled', 'by-hand']) {
      mkdirSync(world.path(name));
      await world.ok(['snapshot', 'create', world.path(name)]);
    }
    await world.ok(['policy', 'set', world.path('by-hand'), '--manual']);
    const { stderr } = await world.ok(['snapshot', 'create', '--all']);
    expect(stderr).toContain(world.path('scheduled'));
    expect(stderr).not.toContain(world.path('by-hand'));
    await world.ok(['policy', 'set', world.path('scheduled'), '--manual']);
    const none = await world.run(['snapshot', 'create', '--all']);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('no earlier source') });
  });

  it('are edited in the editor of the environment, and saved only when that is confirmed', async () => {
    const env = { EDITOR: 'sed -i s/9/12/' };
    const edited = await world.ok(['policy', 'edit', '@there'], { env, stdin: 'n\n' });
    expect(edited.stderr).toContain('"keepLatest": 12');
    expect(await exported('@there')).toMatchObject({ '@there': { retention: { keepLatest: 9 } } });
    await world.ok(['policy', 'edit', '@there'], { env, stdin: 'y\n' });
    expect(await exported('@there')).toMatchObject({ '@there': { retention: { keepLatest: 12 } } });
    const broken = await world.ok(['policy', 'edit', '@there'], {
      env: { EDITOR: `sed -i '$d'` },
      stdin: 'n\n',
    });
    expect(broken.stderr).toContain('stays as it is');
    expect(existsSync(world.path('policy.conf'))).toBe(false);
  });
});
