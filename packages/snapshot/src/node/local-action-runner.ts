import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeError, LongshoreError, type AbortOptions } from '@longshore/repo';
import type {
  ActionFailure,
  ActionInvocation,
  ActionRunner,
  ActionWorkspace,
} from '../actions/action-runner.ts';
import type { DirectoryEntry } from '../entry.ts';
import { openLocalEntry } from './local-entry.ts';

/** Between asking a program to end and ending it. */
const KILL_DELAY_MS = 5000;
/** How long output is waited for that a program's own children still hold open. */
const OUTPUT_DELAY_MS = 1000;

export interface LocalActionRunnerOptions {
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Ends programs that were only started. */
  readonly signal?: AbortSignal;
}

/** Runs programs of policies on this machine, each in a process group of its own and in a private temporary directory. */
export function createLocalActionRunner(options: LocalActionRunnerOptions = {}): ActionRunner {
  const background = new Set<Promise<void>>();
  return {
    openWorkspace: async () => new LocalWorkspace(options, background),
    openDirectory,
    [Symbol.asyncDispose]: async () => {
      while (background.size > 0) await Promise.all(background);
    },
  };
}

function openDirectory(path: string): DirectoryEntry {
  const entry = openLocalEntry(path);
  if (entry.type === 'd') return entry;
  throw new LongshoreError('SOURCE_UNREADABLE', `${path} is not a directory`, { path });
}

function makeWorkingDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'longshore-action-'));
  } catch (cause) {
    const problem = `actions cannot run without a temporary directory: ${describeError(cause)}`;
    throw new LongshoreError('ACTION_FAILED', problem, { path: tmpdir(), cause });
  }
}

class LocalWorkspace implements ActionWorkspace {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #signal: AbortSignal | undefined;
  /** Of the runner: what goes on after the workspace was left. */
  readonly #background: Set<Promise<void>>;
  readonly #path: string = makeWorkingDirectory();
  readonly #running: Set<Promise<void>> = new Set();

  constructor(options: LocalActionRunnerOptions, background: Set<Promise<void>>) {
    this.#environment = options.environment ?? process.env;
    this.#signal = options.signal;
    this.#background = background;
  }

  async run(invocation: ActionInvocation, { signal }: AbortOptions): Promise<ActionFailure> {
    signal?.throwIfAborted();
    const child = await this.#spawn(invocation, 'pipe');
    if (typeof child === 'string') return child;
    const failure = await new RunningAction(child, invocation, signal).ended;
    // A program that ended well in spite of an abort has done what the one after it is to undo.
    if (failure !== undefined) signal?.throwIfAborted();
    return failure;
  }

  async start(
    invocation: ActionInvocation,
    onEnd: (failure: ActionFailure) => void,
  ): Promise<ActionFailure> {
    const child = await this.#spawn(invocation, 'ignore');
    if (typeof child === 'string') return child;
    const running = new RunningAction(child, invocation, this.#signal).ended.then(onEnd);
    this.#running.add(running);
    return undefined;
  }

  /** The directory goes when nothing runs in it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running.size === 0) {
      this.#remove();
      return;
    }
    const leaving = this.#leave().finally(() => this.#background.delete(leaving));
    this.#background.add(leaving);
  }

  async #leave(): Promise<void> {
    await Promise.allSettled(this.#running);
    this.#remove();
  }

  /** A folder that a program has filled with what cannot be removed must not cost the snapshot. */
  #remove(): void {
    try {
      rmSync(this.#path, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // It lies where temporary files are swept.
    }
  }

  /** Resolves when the program runs, or with the reason why it cannot. */
  async #spawn(
    invocation: ActionInvocation,
    stdout: 'pipe' | 'ignore',
  ): Promise<ChildProcess | string> {
    try {
      const [program, ...args] = this.#commandLine(invocation);
      const child = spawn(program, args, {
        cwd: this.#path,
        env: { ...this.#environment, ...invocation.environment },
        stdio: ['ignore', stdout, 'pipe'],
        // A group of its own: it is ended together with what it started, and not by an interrupt meant for us.
        detached: true,
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve).once('error', reject);
      });
      return child;
    } catch (error) {
      return `it cannot be started: ${describeError(error)}`;
    }
  }

  /** Written synchronously: a program forked meanwhile would hold the script open, and it could not be executed. */
  #commandLine({ name, command }: ActionInvocation): readonly [string, ...string[]] {
    const { script = '', path = '', args = [] } = command;
    if (script === '') return [path, ...args];
    const file = join(this.#path, `${name}.sh`);
    writeFileSync(file, script, { mode: 0o700, flag: 'wx' });
    return script.startsWith('#!') ? [file] : ['sh', '-e', file];
  }
}

/** A program from its start to its end, its time limit or an abort. */
class RunningAction {
  /** Never rejects. */
  readonly ended: Promise<ActionFailure>;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  #isLate = false;

  constructor(child: ChildProcess, invocation: ActionInvocation, signal: AbortSignal | undefined) {
    this.#child = child;
    this.#timeoutMs = invocation.timeoutMs;
    this.ended = this.#follow(invocation, signal);
  }

  async #follow(
    { onOutput, onErrorOutput }: ActionInvocation,
    signal: AbortSignal | undefined,
  ): Promise<ActionFailure> {
    const child = this.#child;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const stopOutput = [forward(child.stdout, onOutput), forward(child.stderr, onErrorOutput)];
    const timers = new Set<NodeJS.Timeout>();
    const later = (milliseconds: number, work: () => void): void => {
      timers.add(setTimeout(work, milliseconds));
    };
    const end = (): void => {
      this.#kill('SIGTERM');
      later(KILL_DELAY_MS, () => this.#kill('SIGKILL'));
    };
    later(this.#timeoutMs, () => {
      this.#isLate = true;
      end();
    });
    signal?.addEventListener('abort', end);
    if (signal?.aborted === true) end();
    const failure = await new Promise<ActionFailure>((resolve) => {
      child.once('exit', (code, exitSignal) => resolve(this.#failure(code, exitSignal)));
    });
    signal?.removeEventListener('abort', end);
    for (const timer of timers) clearTimeout(timer);
    // What was asked to end and did not is left to nobody.
    if (this.#isLate || signal?.aborted === true) this.#kill('SIGKILL');
    await settledWithin(OUTPUT_DELAY_MS, closed);
    for (const stop of stopOutput) stop();
    return failure;
  }

  #failure(code: number | null, signal: NodeJS.Signals | null): ActionFailure {
    if (this.#isLate) return `it ran longer than ${this.#timeoutMs / 1000} seconds and was ended`;
    if (signal !== null) return `it was ended by ${signal}`;
    return code === 0 ? undefined : `it ended with exit code ${code}`;
  }

  /** The whole group, as far as it is still there. */
  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nothing of it is left.
    }
  }
}

async function settledWithin(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/**
 * Passes output on until it is told to stop. After that it is still taken, so that what a program left running can
 * write without being ended by that; but it keeps nobody waiting.
 */
function forward(
  stream: NodeJS.ReadableStream | null,
  onBytes: (bytes: Uint8Array) => void,
): () => void {
  if (stream === null) return () => undefined;
  let isWanted = true;
  stream.on('data', (bytes: Uint8Array) => {
    if (isWanted) onBytes(bytes);
  });
  stream.on('error', () => undefined);
  return () => {
    isWanted = false;
    if (stream instanceof Socket) stream.unref();
  };
}
