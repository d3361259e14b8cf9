import { abortOptions } from '@longshore/repo';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { ActionFailure, ActionInvocation } from '../actions/action-runner.ts';
import type { ActionCommand } from '../policy/policy.ts';
import { createLocalActionRunner } from './local-action-runner.ts';

const folder = mkdtempSync(join(tmpdir(), 'longshore-actions-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly failure: ActionFailure;
  readonly output: string;
  readonly errorOutput: string;
}

function invocation(
  command: ActionCommand,
  rest: Partial<ActionInvocation> = {},
): ActionInvocation {
  return {
    name: 'before-folder',
    command,
    environment: {},
    timeoutMs: 20_000,
    onOutput: () => undefined,
    onErrorOutput: () => undefined,
    ...rest,
  };
}

async function run(
  command: ActionCommand,
  rest: Partial<ActionInvocation> = {},
  signal?: AbortSignal,
): Promise<Ran> {
  await using runner = createLocalActionRunner();
  await using workspace = await runner.openWorkspace();
  let output = '';
  let errorOutput = '';
  const failure = await workspace.run(
    invocation(command, {
      onOutput: (bytes) => {
        output += new TextDecoder().decode(bytes);
      },
      onErrorOutput: (bytes) => {
        errorOutput += new TextDecoder().decode(bytes);
      },
      ...rest,
    }),
    abortOptions({ signal }),
  );
  return { failure, output, errorOutput };
}

/** True if the process with the number in a file is there. */
function isRunning(pidFile: string): boolean {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('it never came to be');
    await setTimeout(10);
  }
}

describe('a program of a policy on this machine', () => {
  it('gets its arguments as they are and the environment with what was added', async () => {
    const args = ['-c', 'printf "%s|" "$@" "$KOPIA_ACTION" "$PATH"', 'sh', 'two words', '$HOME'];
    const ran = await run({ path: 'sh', args }, { environment: { KOPIA_ACTION: 'x' } });
    expect(ran).toEqual({
      failure: undefined,
      output: `two words|$HOME|x|${process.env['PATH']}|`,
      errorOutput: '',
    });
  });

  it('runs as a script with sh -e in a private folder that is gone afterwards', async () => {
    const { failure, output } = await run({
      script: 'pwd\nls -l\nstat -c %a . before-folder.sh\nfalse\necho not reached\n',
    });
    expect(failure).toBe('it ended with exit code 1');
    const [workspace = '', ...lines] = output.trim().split('\n');
    expect(lines.slice(-2)).toEqual(['700', '700']);
    expect(output).not.toContain('not reached');
    expect(existsSync(workspace)).toBe(false);
  });

  it('runs with the interpreter that its first line names', async () => {
    const script = `#!${process.execPath}\nconsole.log(1 + 1);\n`;
    expect(await run({ script })).toMatchObject({ failure: undefined, output: '2\n' });
  });

  it('shares its folder with the program after it', async () => {
    await using runner = createLocalActionRunner();
    await using workspace = await runner.openWorkspace();
    await workspace.run(invocation({ script: 'echo kept > note' }), {});
    let output = '';
    await workspace.run(
      invocation(
        { script: 'cat note' },
        {
          name: 'after-folder',
          onOutput: (bytes) => {
            output += new TextDecoder().decode(bytes);
          },
        },
      ),
      {},
    );
    expect(output).toBe('kept\n');
  });

  it('that is not there is a failure and no exception', async () => {
    const { failure } = await run({ path: '/no/such/program' });
    expect(failure).toMatch(/^it cannot be started: .*ENOENT/);
  });

  it('that runs too long is ended with everything that it started', async () => {
    const pid = join(folder, 'late');
    const script = `sleep 60 & echo $! > ${pid}; wait`;
    const { failure } = await run({ script }, { timeoutMs: 300 });
    expect(failure).toBe('it ran longer than 0.3 seconds and was ended');
    await until(() => !isRunning(pid));
  });

  it('that does not care about being asked is ended all the same', async () => {
    const started = Date.now();
    const { failure } = await run(
      { script: 'trap "" TERM; while :; do sleep 0.1; done' },
      { timeoutMs: 200 },
    );
    expect(failure).toContain('ran longer than');
    expect(Date.now() - started).toBeLessThan(15_000);
  }, 20_000);

  it('is ended by an abort, with its reason', async () => {
    const pid = join(folder, 'aborted');
    const abort = new AbortController();
    const reason = new Error('interrupted');
    const aborting = until(() => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n')).then(
      () => abort.abort(reason),
    );
    await expect(run({ script: `echo $$ > ${pid}; sleep 60` }, {}, abort.signal)).rejects.toBe(
      reason,
    );
    await aborting;
    await until(() => !isRunning(pid));
  });

  it('that ends well in spite of an abort has ended well', async () => {
    const ready = join(folder, 'ready');
    const abort = new AbortController();
    const aborting = until(() => existsSync(ready)).then(() => abort.abort());
    const script = `trap 'exit 0' TERM; touch ${ready}; while :; do sleep 0.1; done`;
    expect((await run({ script }, {}, abort.signal)).failure).toBeUndefined();
    await aborting;
  });

  it('may leave a process behind that holds its output open', async () => {
    const pid = join(folder, 'daemon');
    const { failure, output } = await run({
      script: `(sleep 2; echo late; echo alive > ${pid}.alive) & echo $! > ${pid}; echo KOPIA`,
    });
    expect({ failure, output }).toEqual({ failure: undefined, output: 'KOPIA\n' });
    await until(() => existsSync(`${pid}.alive`));
  });

  it('may print more than fits into memory at once', async () => {
    let length = 0;
    const { failure } = await run(
      { path: 'head', args: ['-c', '50000000', '/dev/zero'] },
      {
        onOutput: (bytes) => {
          length += bytes.length;
        },
      },
    );
    expect({ failure, length }).toEqual({ failure: undefined, length: 50_000_000 });
  });

  it('that is only started is awaited by the runner, and its folder goes when it has ended', async () => {
    const note = join(folder, 'note');
    const ends: ActionFailure[] = [];
    const runner = createLocalActionRunner();
    const workspace = await runner.openWorkspace();
    const script = `pwd > ${note}; sleep 0.5; echo done >> ${note}; exit 3`;
    await workspace.start(invocation({ script }), (failure) => ends.push(failure));
    await workspace[Symbol.asyncDispose]();
    expect(ends).toEqual([]);
    await runner[Symbol.asyncDispose]();
    const [path = '', end] = readFileSync(note, 'utf8').trim().split('\n');
    expect({ ends, end }).toEqual({ ends: ['it ended with exit code 3'], end: 'done' });
    expect(existsSync(path)).toBe(false);
  });

  it('that is only started is ended when the runner is told to stop', async () => {
    const abort = new AbortController();
    const ends: ActionFailure[] = [];
    const runner = createLocalActionRunner({ signal: abort.signal });
    const workspace = await runner.openWorkspace();
    await workspace.start(invocation({ script: 'sleep 60' }), (failure) => ends.push(failure));
    await workspace[Symbol.asyncDispose]();
    abort.abort();
    await runner[Symbol.asyncDispose]();
    expect(ends).toEqual(['it was ended by SIGTERM']);
  });
});

describe('a directory that a program names', () => {
  it('is opened through symlinks; a file or nothing is refused', async () => {
    await using runner = createLocalActionRunner();
    const path = join(folder, 'redirected');
    mkdirSync(path);
    writeFileSync(join(path, 'a'), 'a');
    const children = await runner.openDirectory(path).readChildren();
    expect(children.map(({ name }) => name)).toEqual(['a']);
    for (const wrong of [join(path, 'a'), join(path, 'b')]) {
      expect(() => runner.openDirectory(wrong)).toThrow(
        expect.objectContaining({ code: 'SOURCE_UNREADABLE' }),
      );
    }
  });
});
