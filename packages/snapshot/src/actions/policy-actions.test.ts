import { abortOptions, encodeUtf8, LongshoreError } from '@longshore/repo';
import { describe, expect, it } from 'vitest';
import type { DirectoryEntry } from '../entry.ts';
import { EMPTY_POLICY, type ActionCommand, type ActionsPolicy } from '../policy/policy.ts';
import { buildPolicyTree } from '../policy/policy-tree.ts';
import { MemorySource } from '../upload/memory-source.ts';
import type { ActionFailure, ActionInvocation, ActionRunner } from './action-runner.ts';
import { createPolicyActions, type ActionEvent } from './policy-actions.ts';
import type { ActionPlace } from './snapshot-actions.ts';

interface FakeProgram {
  readonly output?: string;
  readonly errorOutput?: string;
  readonly failure?: string;
  readonly during?: () => void;
}

/** Programs by their path, and what they were run with. */
class FakeRunner implements ActionRunner {
  readonly invocations: ActionInvocation[] = [];
  readonly directories: Map<string, DirectoryEntry> = new Map();
  openWorkspaces = 0;
  readonly #programs: Readonly<Record<string, FakeProgram>>;

  constructor(programs: Readonly<Record<string, FakeProgram>>) {
    this.#programs = programs;
  }

  async openWorkspace(): ReturnType<ActionRunner['openWorkspace']> {
    this.openWorkspaces += 1;
    const run = async (invocation: ActionInvocation): Promise<ActionFailure> => {
      this.invocations.push(invocation);
      const program = this.#programs[invocation.command.path ?? ''] ?? {};
      program.during?.();
      invocation.onOutput(encodeUtf8(program.output ?? ''));
      invocation.onErrorOutput(encodeUtf8(program.errorOutput ?? ''));
      return program.failure;
    };
    return {
      run,
      start: async (invocation, onEnd) => {
        onEnd(await run(invocation));
        return undefined;
      },
      [Symbol.asyncDispose]: async () => {
        this.openWorkspaces -= 1;
      },
    };
  }

  openDirectory(path: string): DirectoryEntry {
    const directory = this.directories.get(path);
    if (directory === undefined) throw new LongshoreError('SOURCE_UNREADABLE', `no ${path}`);
    return directory;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const source = new MemorySource();
const FOLDER = source.directory('data', [source.file('a', 'a')]);

function placeWith(
  actions: ActionsPolicy,
  { scope = 'folder', path = '' }: Partial<ActionPlace> = {},
): ActionPlace {
  const policyNode = buildPolicyTree({ ...EMPTY_POLICY, actions });
  return { scope, directory: FOLDER, path, policyNode };
}

function program(path: string, rest: Partial<ActionCommand> = {}): ActionCommand {
  return { path, mode: 'essential', ...rest };
}

/** The directory that was read, unless something failed, and everything that was reported. */
async function runWith(
  runner: FakeRunner | undefined,
  place: ActionPlace,
  work: (directory: DirectoryEntry) => Promise<DirectoryEntry> = async (directory) => directory,
  signal?: AbortSignal,
): Promise<{ readonly read: DirectoryEntry; readonly events: readonly ActionEvent[] }> {
  const events: ActionEvent[] = [];
  const actions = createPolicyActions({
    runner,
    sourcePath: '/src',
    random: (target) => target.fill(0xab),
    version: '1.2.3',
    onEvent: (event) => events.push(event),
  });
  const read = await actions.around(place, work, abortOptions({ signal }));
  return { read, events };
}

describe('programs of a policy', () => {
  it('find in their environment what Kopia puts there, and the second one where the first one led', async () => {
    const runner = new FakeRunner({ before: { output: 'noise\nKOPIA_SNAPSHOT_PATH=/mnt/x\n' } });
    runner.directories.set('/mnt/x', source.directory('x', []));
    const place = placeWith(
      { beforeFolder: program('before'), afterFolder: program('after') },
      { path: 'sub/deep' },
    );
    await runWith(runner, place);
    const common = {
      KOPIA_SNAPSHOT_ID: 'abababababababab',
      KOPIA_SOURCE_PATH: '/src/sub/deep',
      KOPIA_VERSION: '1.2.3',
    };
    expect(runner.invocations.map(({ environment }) => environment)).toEqual([
      { ...common, KOPIA_ACTION: 'before-folder', KOPIA_SNAPSHOT_PATH: '/src/sub/deep' },
      { ...common, KOPIA_ACTION: 'after-folder', KOPIA_SNAPSHOT_PATH: '/mnt/x' },
    ]);
    expect(runner.openWorkspaces).toBe(0);
  });

  it('redirect by the last line that says so, and the folder keeps its name', async () => {
    const output = 'KOPIA_SNAPSHOT_PATH=/no\n KOPIA_SNAPSHOT_PATH=/nor\nKOPIA_SNAPSHOT_PATH=/x=y';
    const runner = new FakeRunner({ before: { output } });
    const other = source.directory('elsewhere', [source.file('z', 'z')], { mtime: 7n, uid: 5 });
    runner.directories.set('/x=y', other);
    const place = placeWith({ beforeSnapshotRoot: program('before') }, { scope: 'snapshot-root' });
    const { read, events } = await runWith(runner, place);
    expect(read).toMatchObject({ name: 'data', mtime: 7n, uid: 5 });
    expect((await read.readChildren()).map(({ name }) => name)).toEqual(['z']);
    expect(events).toContainEqual({
      type: 'action-redirected',
      action: 'before-snapshot-root',
      folder: '/src',
      path: '/x=y',
    });
  });

  it('read the folder itself where the last such line names nothing', async () => {
    const runner = new FakeRunner({
      before: { output: 'KOPIA_SNAPSHOT_PATH=/no\nKOPIA_SNAPSHOT_PATH=\n' },
    });
    const { read } = await runWith(runner, placeWith({ beforeFolder: program('before') }));
    expect(read).toBe(FOLDER);
  });

  it.each([
    ['essential', true],
    ['optional', false],
    [undefined, false],
    ['async', false],
  ])('with mode %s: that the first one fails is fatal: %s', async (mode, isFatal) => {
    const runner = new FakeRunner({ before: { failure: 'it ended with exit code 7' } });
    const command = { path: 'before', ...(mode === undefined ? {} : { mode }) };
    let worked = false;
    const running = runWith(
      runner,
      placeWith({ beforeFolder: command, afterFolder: program('after') }),
      async (directory) => {
        worked = true;
        return directory;
      },
    );
    if (isFatal) {
      await expect(running).rejects.toMatchObject({
        code: 'ACTION_FAILED',
        message: 'before-folder action of /src: it ended with exit code 7',
        facts: { path: '/src' },
      });
    } else {
      expect((await running).events).toContainEqual({
        type: 'action-failed',
        action: 'before-folder',
        folder: '/src',
        error: 'it ended with exit code 7',
      });
    }
    expect(worked).toBe(!isFatal);
    expect(runner.invocations).toHaveLength(isFatal ? 1 : 2);
    expect(runner.openWorkspaces).toBe(0);
  });

  it('redirect although an optional one failed, and never where they are not awaited', async () => {
    const output = 'KOPIA_SNAPSHOT_PATH=/x\n';
    const runner = new FakeRunner({ before: { output, failure: 'it ended with exit code 1' } });
    const other = source.directory('other', []);
    runner.directories.set('/x', other);
    const optional = await runWith(
      runner,
      placeWith({ beforeFolder: program('before', { mode: 'optional' }) }),
    );
    expect(optional.events.map(({ type }) => type)).toContain('action-redirected');
  });

  it('fail the folder if they lead nowhere, whatever their mode, after the second one has run', async () => {
    const runner = new FakeRunner({ before: { output: 'KOPIA_SNAPSHOT_PATH=/gone\n' } });
    const place = placeWith({
      beforeFolder: program('before', { mode: 'optional' }),
      afterFolder: program('after'),
    });
    await expect(runWith(runner, place)).rejects.toMatchObject({
      code: 'ACTION_FAILED',
      message: 'before-folder action of /src: it names /gone: no /gone',
    });
    expect(runner.invocations.map(({ name }) => name)).toEqual(['before-folder', 'after-folder']);
  });

  it('fail the folder if the path is longer than a line may be', async () => {
    const output = `KOPIA_SNAPSHOT_PATH=/${'x'.repeat(70_000)}\n`;
    const runner = new FakeRunner({ before: { output } });
    await expect(
      runWith(runner, placeWith({ beforeFolder: program('before') })),
    ).rejects.toMatchObject({ code: 'ACTION_FAILED' });
  });

  it('run after work that failed, and their own failure changes nothing', async () => {
    const runner = new FakeRunner({ after: { failure: 'it ended with exit code 1' } });
    const failure = new Error('disk on fire');
    await expect(
      runWith(runner, placeWith({ afterFolder: program('after') }), async () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(runner.invocations).toHaveLength(1);
    const { read, events } = await runWith(
      runner,
      placeWith({ afterSnapshotRoot: program('after') }, { scope: 'snapshot-root' }),
    );
    expect(read).toBe(FOLDER);
    expect(events.at(-1)).toMatchObject({ type: 'action-failed', action: 'after-snapshot-root' });
  });

  it('run after an abort if the first one had run, because they undo what it did', async () => {
    const abort = new AbortController();
    const reason = new Error('interrupted');
    const runner = new FakeRunner({ before: { during: () => abort.abort(reason) } });
    const place = placeWith({ beforeFolder: program('before'), afterFolder: program('after') });
    await expect(
      runWith(
        runner,
        place,
        async (directory) => {
          abort.signal.throwIfAborted();
          return directory;
        },
        abort.signal,
      ),
    ).rejects.toBe(reason);
    expect(runner.invocations.map(({ name }) => name)).toEqual(['before-folder', 'after-folder']);
  });

  it('do not begin after an abort', async () => {
    const runner = new FakeRunner({});
    const reason = new Error('interrupted');
    await expect(
      runWith(
        runner,
        placeWith({ beforeFolder: program('before'), afterFolder: program('after') }),
        undefined,
        AbortSignal.abort(reason),
      ),
    ).rejects.toBe(reason);
    expect(runner.invocations).toEqual([]);
  });

  it.each([
    [undefined, 180_000],
    [0, 180_000],
    [7, 7000],
    [1e9, 2 ** 31 - 1],
  ])('with a limit of %s seconds get %i milliseconds', async (timeout, timeoutMs) => {
    const runner = new FakeRunner({});
    await runWith(
      runner,
      placeWith({ beforeFolder: program('p', timeout === undefined ? {} : { timeout }) }),
    );
    expect(runner.invocations[0]?.timeoutMs).toBe(timeoutMs);
  });

  it('that are neither a program nor a script are a failure', async () => {
    await expect(
      runWith(new FakeRunner({}), placeWith({ beforeFolder: { mode: 'optional' } })),
    ).rejects.toMatchObject({ code: 'ACTION_FAILED' });
  });

  it('are reported and not run where that is not allowed', async () => {
    const { read, events } = await runWith(
      undefined,
      placeWith({ beforeFolder: program('before'), afterFolder: program('after') }),
    );
    expect(read).toBe(FOLDER);
    expect(events).toEqual([
      { type: 'action-skipped', action: 'before-folder', folder: '/src' },
      { type: 'action-skipped', action: 'after-folder', folder: '/src' },
    ]);
  });

  it('of a folder are not those of the whole, and a folder without a policy has none', async () => {
    const runner = new FakeRunner({});
    const actions = {
      beforeFolder: program('folder'),
      beforeSnapshotRoot: program('root'),
    };
    await runWith(runner, placeWith(actions, { scope: 'snapshot-root' }));
    const policyNode = buildPolicyTree({ ...EMPTY_POLICY, actions }).child('sub');
    await runWith(runner, { scope: 'folder', directory: FOLDER, path: 'sub', policyNode });
    expect(runner.invocations.map(({ command }) => command.path)).toEqual(['root']);
  });

  it('say what they write to standard error, line by line', async () => {
    const runner = new FakeRunner({ before: { errorOutput: 'one\ntwo' } });
    const { events } = await runWith(runner, placeWith({ beforeFolder: program('before') }));
    expect(events.flatMap((event) => (event.type === 'action-output' ? event.line : []))).toEqual([
      'one',
      'two',
    ]);
  });
});
