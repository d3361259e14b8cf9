import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

const SURE = '--i-am-sure-kopia-is-not-running';

describe('the layout of a repository folder', () => {
  const world = new CLIWorld();
  const repo = world.path('repo');
  const modify = ['blob', 'shards', 'modify', `--path=${repo}`] as const;
  const verify = ['snapshot', 'verify', '--verify-files-percent=100'];

  const files = (): readonly string[] =>
    readdirSync(repo, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(repo.length + 1))
      .sort();

  beforeAll(async () => {
    await world.ok(['repository', 'create', 'filesystem', `--path=${repo}`]);
    mkdirSync(world.path('tree'));
    writeFileSync(world.path('tree', 'file'), 'text');
    await world.ok(['snapshot', 'create', world.path('tree')]);
  });

  afterAll(() => world[Symbol.dispose]());

  it('becomes another one, in which everything is found', async () => {
    const [before] = files().filter((name) => name.startsWith('p/'));
    const id = before!.replaceAll('/', '');
    const { stdout } = await world.ok([...modify, SURE, '--default-shards=5,5']);
    const after = `${id.slice(0, 5)}/${id.slice(5, 10)}/${id.slice(10)}`;
    expect(stdout).toContain(`mv ${repo}/${before} ${repo}/${after}\n`);
    expect(stdout).toContain(`rmdir ${repo}/p\n`);
    expect(files()).toContain(after);
    expect(JSON.parse(readFileSync(`${repo}/.shards`, 'utf8'))).toEqual({
      default: [5, 5],
      maxNonShardedLength: 20,
    });
    await world.ok(verify);
  });

  it('obeys the length from which IDs are split, and what is said about prefixes', async () => {
    await world.ok([...modify, SURE, '--unsharded-length=0']);
    expect(files()).toContain('kopia/.repo/sitory.f');
    await world.ok([...modify, SURE, '--override=kop=2,,,2']);
    expect(files()).toContain('ko/pi/a.repository.f');
    await world.ok(verify);
    const dry = await world.ok([...modify, SURE, '--override=kop=flat', '--dry-run']);
    expect(dry.stdout).toContain(`mv ${repo}/ko/pi/a.repository.f ${repo}/kopia.repository.f\n`);
    expect(files()).toContain('ko/pi/a.repository.f');
    await world.ok([...modify, SURE, '--remove-override=none', '--remove-override=kop']);
    expect(files()).toContain('kopia/.repo/sitory.f');
    await world.ok([...modify, SURE, '--unsharded-length=20', '--default-shards=1,3']);
    expect(files()).toContain('kopia.repository.f');
    await world.ok(verify);
  });

  it.each([
    [[], SURE],
    [[SURE, '--default-shards=invalid'], '--default-shards'],
    [[SURE, '--default-shards=2,-1'], '--default-shards'],
    [[SURE, '--override=x'], '--override'],
    [[SURE, '--override=x=aaa'], '--override'],
    [[SURE, '--override=x=1=2'], '--override'],
    [[SURE, '--unsharded-length=-2'], '--unsharded-length'],
  ])('stays as it is after %j', async (flags, named) => {
    const before = files();
    expect(await world.run([...modify, ...flags])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(named),
    });
    expect(files()).toEqual(before);
    expect(existsSync(`${repo}/kopia.repository.f`)).toBe(true);
  });

  it('is not touched where two files hold one blob', async () => {
    mkdirSync(`${repo}/kopia.r`);
    writeFileSync(`${repo}/kopia.r/epository.f`, 'a stray copy');
    const before = files();
    expect(await world.run([...modify, SURE, '--default-shards=4'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/two files hold blob kopia\.repository/),
    });
    expect(files()).toEqual(before);
  });
});

describe('the epochs of an index', () => {
  it('are listed with what was written in them, and refused where there are none', async () => {
    using world = new CLIWorld();
    await world.ok(['repository', 'create', 'filesystem', `--path=${world.path('new')}`]);
    mkdirSync(world.path('tree'));
    await world.ok(['snapshot', 'create', world.path('tree')]);
    const { stdout } = await world.ok(['index', 'epoch', 'list']);
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;
    expect(stdout).toMatch(
      new RegExp(
        `^Current Epoch: 0\n0 ${time} \\.\\.\\. ${time}, \\d blobs, [\\d.]+ K?B, span \\d+s\n$`,
      ),
    );
    const flags = [`--path=${world.path('old')}`, '--format-version=1'];
    await world.ok(['repository', 'create', 'filesystem', ...flags]);
    expect(await world.run(['index', 'epoch', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no epochs'),
    });
  });
});
