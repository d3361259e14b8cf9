import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

const QUICKLY = [
  '--allow-unsafe-upgrade',
  '--io-drain-timeout=100ms',
  '--status-poll-interval=50ms',
  '--max-permitted-clock-drift=100ms',
] as const;

interface Status {
  readonly contentFormat: { readonly version: number; readonly indexVersion?: number };
}

describe('an upgrade from the command line', () => {
  const world = new CLIWorld();
  const upgrade = ['repository', 'upgrade'] as const;

  const version = async (): Promise<number> =>
    (await world.json<Status>(['repository', 'status'])).contentFormat.version;

  beforeAll(async () => {
    mkdirSync(world.path('source'));
    writeFileSync(world.path('source', 'a'), 'one');
    await world.ok([
      'repository',
      'create',
      'filesystem',
      `--path=${world.path('repo')}`,
      '--format-version=1',
      '--override-hostname=here',
      '--override-username=me',
    ]);
    await world.ok(['snapshot', 'create', world.path('source')]);
  });

  afterAll(() => world[Symbol.dispose]());

  it('needs time in which others notice, and says so', async () => {
    const hasty = await world.run([...upgrade, 'begin', '--io-drain-timeout=1m']);
    expect(hasty).toMatchObject({ code: 1, stderr: expect.stringContaining('15m0s to notice') });
    const wrong = await world.run([...upgrade, 'begin', '--commit-mode=sometimes']);
    expect(wrong.code).toBe(1);
    expect(await version()).toBe(1);
  });

  it('that was not begun can neither be taken back nor validated', async () => {
    const nothing = await world.run([...upgrade, 'rollback', '--force', '--exit-codes=detailed']);
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('no upgrade is in') });
    const { stderr } = await world.ok([...upgrade, 'validate']);
    expect(stderr).toContain('nothing to compare');
  });

  it('locks everybody out under the name of the connection, unless another is given', async () => {
    const { stderr } = await world.ok([...upgrade, 'begin', '--lock-only', ...QUICKLY]);
    expect(stderr).toContain('locked by me@here');
    const refused = await world.run(['snapshot', 'list', '--exit-codes=detailed']);
    expect(refused).toMatchObject({
      code: 13,
      stderr: expect.stringContaining('rollback --force --upgrade-owner-id=me@here'),
    });
    const other = await world.run([...upgrade, 'rollback', '--force', '--upgrade-owner-id=other']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('me@here') });
    // Who says that he is the owner may look.
    const list = await world.ok(['snapshot', 'list', '--upgrade-owner-id=me@here']);
    expect(list.stdout).toContain('me@here');
  });

  it('is gone on with up to the commit, compared, and taken back', async () => {
    const { stderr } = await world.ok([...upgrade, 'begin', '--commit-mode=never', ...QUICKLY]);
    expect(stderr).toContain('Going on with the upgrade that me@here began');
    expect(stderr).toContain('all as they were');
    expect((await world.ok([...upgrade, 'validate'])).stderr).toContain(
      'The new index is complete',
    );
    const unsure = await world.run([...upgrade, 'rollback']);
    expect(unsure).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    await world.ok([...upgrade, 'rollback', '--force']);
    expect(await version()).toBe(1);
    const blobs = readdirSync(world.path('repo'), { recursive: true, encoding: 'utf8' });
    expect(blobs.filter((name) => /^(?:x|kopia\.repository\.backup).*\.f$/.test(name))).toEqual([]);
  });

  it('goes through, and is there for good', async () => {
    const { stderr } = await world.ok([...upgrade, 'begin', ...QUICKLY]);
    expect(stderr).toContain('The repository has been upgraded.');
    expect(await version()).toBe(3);
    await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
    await world.ok(['snapshot', 'create', world.path('source')]);
    await world.ok(['maintenance', 'run', '--full']);
    expect((await world.ok([...upgrade, 'begin'])).stderr).toContain('newest format already');
    expect((await world.run([...upgrade, 'rollback', '--force'])).code).toBe(1);
  });

  it('is what a parameter asks for as well, without a wait, and then nothing more to do', async () => {
    using other = new CLIWorld();
    const create = ['repository', 'create', 'filesystem', `--path=${other.path('repo')}`];
    await other.ok([...create, '--format-version=1']);
    await other.ok(['snapshot', 'create', world.path('source')]);
    const set = ['repository', 'set-parameters', '--upgrade'];
    const first = await other.ok(set);
    expect(first.stderr).toContain('The repository has been upgraded.');
    expect(first.stderr).toContain('Disconnect all other clients');
    const { contentFormat } = await other.json<Status>(['repository', 'status']);
    expect(contentFormat).toMatchObject({ version: 2, indexVersion: 2 });
    await other.ok(['snapshot', 'verify', '--verify-files-percent=100']);
    const again = await other.ok([...set, '--epoch-advance-on-count=30']);
    expect(again.stderr).toContain('has that format already');
    expect(again.stderr).toContain('parameters have been changed');
  });

  it('is no business of who may only read', async () => {
    await world.ok(['repository', 'disconnect']);
    const path = `--path=${world.path('repo')}`;
    await world.ok(['repository', 'connect', 'filesystem', path, '--readonly']);
    expect(await world.run([...upgrade, 'begin', '--exit-codes=detailed'])).toMatchObject({
      code: 15,
    });
  });
});
