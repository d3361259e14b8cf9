import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLIWorld } from './cli-world.ts';

interface Snapshot {
  readonly rootEntry: {
    readonly name: string;
    readonly obj: string;
    readonly summ: { readonly numFailed: number; readonly files: number };
  };
}

describe('programs of policies', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  const other = world.path('other');
  const notes = world.path('notes');

  /** A script that a policy then holds. */
  async function action(
    path: string,
    name: string,
    script: string,
    ...flags: readonly string[]
  ): Promise<void> {
    writeFileSync(world.path('action.sh'), script);
    const given = [`--${name}-action=action.sh`, '--persist-action-script', ...flags];
    await world.ok(['policy', 'set', path, ...given]);
  }

  async function snapshots(): Promise<readonly Snapshot[]> {
    return world.json<readonly Snapshot[]>(['snapshot', 'list', '--all']);
  }

  const note = (text: string): string => `echo ${text} >> ${notes}\n`;

  function noted(): readonly string[] {
    return existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [];
  }

  beforeAll(async () => {
    for (const folder of [source, `${source}/sub`, other]) mkdirSync(folder, { recursive: true });
    writeFileSync(`${source}/a`, 'a');
    writeFileSync(`${source}/.kopiaignore`, '*.tmp\n');
    writeFileSync(`${source}/sub/b`, 'b');
    writeFileSync(`${other}/c.tmp`, 'c');
    await world.ok([
      'repository',
      'create',
      'filesystem',
      `--path=${world.path('repo')}`,
      '--enable-actions',
    ]);
  });

  beforeEach(async () => {
    rmSync(notes, { force: true });
    await world.run(['policy', 'delete', source, `${source}/sub`]);
  });

  afterAll(() => world[Symbol.dispose]());

  it('run in the order of Kopia: around the snapshot, and around folders with a policy', async () => {
    await action(source, 'before-snapshot-root', note('$KOPIA_ACTION $KOPIA_SOURCE_PATH'));
    await action(source, 'after-snapshot-root', note('$KOPIA_ACTION $KOPIA_SNAPSHOT_PATH'));
    await action(`${source}/sub`, 'before-folder', note('$KOPIA_ACTION $KOPIA_SNAPSHOT_ID'));
    await action(`${source}/sub`, 'after-folder', note('$KOPIA_ACTION $KOPIA_SNAPSHOT_ID'));
    await world.ok(['snapshot', 'create', source]);
    const [first, beforeFolder = '', afterFolder, last] = noted();
    expect([first, last]).toEqual([
      `before-snapshot-root ${source}`,
      `after-snapshot-root ${source}`,
    ]);
    expect(beforeFolder).toMatch(/^before-folder [0-9a-f]{16}$/);
    expect(afterFolder).toBe(beforeFolder.replace('before', 'after'));
  });

  it('redirect a folder, which keeps its name and hears no rules of the folders above', async () => {
    await action(`${source}/sub`, 'before-folder', `echo KOPIA_SNAPSHOT_PATH=${other}\n`);
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).toContain(`${source}/sub is read at ${other}`);
    const root = (await snapshots()).at(-1)!.rootEntry;
    const { stdout } = await world.ok(['list', '--recursive', root.obj]);
    const paths = ['sub/', 'sub/c.tmp', '.kopiaignore', 'a'];
    expect(stdout.trim().split('\n')).toEqual(paths.map((path) => `${root.obj}/${path}`));
  });

  it('that are essential and fail leave no snapshot where they are the root’s', async () => {
    await action(source, 'before-snapshot-root', 'echo broken >&2\nexit 7\n');
    await action(source, 'after-snapshot-root', note('after'));
    const before = (await snapshots()).length;
    const ran = await world.run(['snapshot', 'create', source]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('before-snapshot-root: broken');
    expect(ran.stderr).toContain(
      `before-snapshot-root action of ${source}: it ended with exit code 7`,
    );
    expect(await snapshots()).toHaveLength(before);
    expect(noted()).toEqual([]);
  });

  it('that are essential and fail below the root are an error of that folder', async () => {
    await action(`${source}/sub`, 'before-folder', 'exit 7\n');
    const ran = await world.run(['snapshot', 'create', source]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`before-folder action of ${source}/sub`);
    expect((await snapshots()).at(-1)!.rootEntry.summ).toMatchObject({ numFailed: 1, files: 2 });
  });

  it('that are optional or come afterwards fail without consequence', async () => {
    await action(source, 'before-folder', 'exit 7\n', '--action-command-mode=optional');
    await action(source, 'after-snapshot-root', 'exit 8\n');
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).toContain('exit code 7');
    expect(stderr).toContain('exit code 8');
  });

  it('that take too long are ended, and that is a failure', async () => {
    await action(source, 'before-folder', 'sleep 60\n', '--action-command-timeout=1s');
    const ran = await world.run(['snapshot', 'create', source]);
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ran longer than 1 seconds'),
    });
  });

  it('that nobody waits for have ended when the command has', async () => {
    const script = `sleep 1\necho KOPIA_SNAPSHOT_PATH=${other}\n${note('done')}`;
    await action(source, 'before-folder', script, '--action-command-mode=async');
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).not.toContain('is read at');
    expect(noted()).toEqual(['done']);
  });

  it('run only where they are allowed, and the log says which did not', async () => {
    await action(source, 'before-folder', note('ran'));
    const { stderr } = await world.ok(['snapshot', 'create', source, '--force-disable-actions']);
    expect(stderr).toContain(`Not running the before-folder action of ${source}`);
    const both = ['--force-enable-actions', '--force-disable-actions'];
    await world.ok(['snapshot', 'create', source, ...both]);
    expect(noted()).toEqual([]);
    const connect = ['repository', 'connect', 'filesystem', `--path=${world.path('repo')}`];
    await world.ok(connect);
    await world.ok(['snapshot', 'create', source]);
    expect(noted()).toEqual([]);
    await world.ok(['snapshot', 'create', source, '--force-enable-actions']);
    expect(noted()).toEqual(['ran']);
    await world.ok([...connect, '--enable-actions']);
  });

  it('are ended when the command is interrupted for the second time, and nothing is saved', async () => {
    await action(source, 'before-snapshot-root', `echo ready >&2\nsleep 60\n${note('ran')}`);
    const before = (await snapshots()).length;
    let interrupts = 0;
    const ran = await world.run(['snapshot', 'create', source], {
      onStderr: (text, interrupt) => {
        const isTime = text.includes(interrupts === 0 ? 'ready' : 'Ending in order');
        if (!isTime || interrupts > 1) return;
        interrupts += 1;
        interrupt();
      },
    });
    expect(ran.code).toBe(130);
    expect(noted()).toEqual([]);
    expect(await snapshots()).toHaveLength(before);
  });

  it('are none of standard input', async () => {
    await action(source, 'before-snapshot-root', note('ran'));
    await world.ok(['snapshot', 'create', source, '--stdin-file=x'], { stdin: 'x' });
    expect(noted()).toEqual([]);
  });
});
