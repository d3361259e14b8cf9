import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

interface Info {
  readonly owner: string;
  readonly quick: { readonly enabled: boolean; readonly interval: number };
  readonly full: { readonly enabled: boolean; readonly interval: number };
  readonly logRetention: { readonly maxCount: number };
  readonly schedule: {
    readonly nextFullMaintenance: string;
    readonly nextQuickMaintenance: string;
    readonly runs: Record<string, readonly { readonly success: boolean }[]> | null;
  };
}

const HOUR = 3_600_000_000_000;
const NEVER = '0001-01-01T00:00:00Z';

describe('maintenance from the command line', () => {
  const world = new CLIWorld();
  const source = world.path('source');

  beforeAll(async () => {
    mkdirSync(source);
    writeFileSync(world.path('source', 'a'), 'one');
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

  it('is left alone by a backup that was told so, and belongs to who made the repository', async () => {
    await world.ok(['snapshot', 'create', source, '--no-auto-maintenance']);
    expect(await world.json<Info>(['maintenance', 'info'])).toEqual({
      owner: 'me@here',
      quick: { enabled: true, interval: HOUR },
      full: { enabled: true, interval: 24 * HOUR },
      logRetention: { maxTotalSize: 2 ** 30, maxCount: 10_000, maxAge: 720 * HOUR },
      extendObjectLocks: false,
      listParallelism: 0,
      schedule: { nextFullMaintenance: NEVER, nextQuickMaintenance: NEVER, runs: null },
    });
  });

  it('writes nothing in a dry run', async () => {
    const { stderr } = await world.ok(['maintenance', 'run', '--full', '--dry-run']);
    expect(stderr).toContain('Nothing was changed');
    expect((await world.json<Info>(['maintenance', 'info'])).schedule.runs).toBeNull();
  });

  it('changes what was asked for and nothing else', async () => {
    const { stderr } = await world.ok([
      'maintenance',
      'set',
      '--owner=other@there',
      '--enable-quick=false',
      '--full-interval=48h',
      '--max-retained-log-count=7',
    ]);
    expect(stderr).toContain('other@there');
    expect(await world.json<Info>(['maintenance', 'info'])).toMatchObject({
      owner: 'other@there',
      quick: { enabled: false, interval: HOUR },
      full: { enabled: true, interval: 48 * HOUR },
      logRetention: { maxTotalSize: 2 ** 30, maxCount: 7 },
      schedule: { runs: null },
    });
    const nothing = await world.run(['maintenance', 'set']);
    expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining('no change') });
  });

  it('is refused to anybody but its owner, and does not hurt the backups of others', async () => {
    const refused = await world.run(['maintenance', 'run']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('other@there') });
    writeFileSync(world.path('source', 'a'), 'two');
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).not.toContain('aintenance');
    expect((await world.json<Info>(['maintenance', 'info'])).schedule.runs).toBeNull();
  });

  it('runs after a backup of its owner when it is due, and not again before it is due', async () => {
    await world.ok(['maintenance', 'set', '--owner=me', '--enable-quick=true']);
    writeFileSync(world.path('source', 'a'), 'three');
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).toContain('Running full maintenance');
    const first = await world.json<Info>(['maintenance', 'info']);
    expect(first.schedule.runs?.['snapshot-gc']).toMatchObject([{ success: true }]);
    const again = await world.ok(['snapshot', 'create', source]);
    expect(again.stderr).not.toContain('aintenance');
  });

  it('does not make a backup fail when it fails', async () => {
    await world.ok(['maintenance', 'set', '--pause-full=0s']);
    writeFileSync(world.path('repo', 'kopia.maintenance.f'), 'damaged');
    const { stderr, code } = await world.run(['snapshot', 'create', source]);
    expect(stderr).toContain('Maintenance failed');
    expect(code).toBe(0);
  });

  it('is explained by the doctor, who fails only where data is in danger', async () => {
    const findings = await world.json<readonly { readonly id: string }[]>(['doctor']);
    expect(findings).toMatchObject([
      { id: 'unreadable-schedule', severity: 'warning', remedy: expect.any(String) },
      ...findings.slice(1),
    ]);
    const pack = readdirSync(world.path('repo'), { recursive: true, encoding: 'utf8' }).find(
      (name) => name.startsWith('p') && name.endsWith('.f'),
    );
    rmSync(world.path('repo', pack!));
    const hurt = await world.run(['doctor']);
    expect(hurt).toMatchObject({ code: 1, stdout: expect.stringContaining('ERROR missing-packs') });
  });
});
