import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildMessage, ChildRequest, ChildResult } from './child-protocol.ts';

const SCRIPT = join(import.meta.dirname, 'engine-child.ts');
const TIMEOUT_MS = 20 * 60_000;

export interface EngineProcess {
  /** SIGKILL. */
  kill(): void;
  /** What it said until it ended. */
  readonly ended: Promise<EngineOutcome>;
}

export interface EngineOutcome {
  readonly messages: readonly ChildMessage[];
  readonly signal: NodeJS.Signals | null;
  readonly wallMilliseconds: number;
  readonly stderr: string;
}

export function startEngine(
  request: ChildRequest,
  onMessage: (message: ChildMessage) => void = () => undefined,
): EngineProcess {
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    ['--conditions=longshore-source', SCRIPT, JSON.stringify(request)],
    { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS },
  );
  const messages: ChildMessage[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as ChildMessage;
    messages.push(message);
    onMessage(message);
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<EngineOutcome>();
  child.once('error', reject);
  child.once('close', (_code, signal) => {
    resolve({ messages, signal, stderr, wallMilliseconds: performance.now() - startedAt });
  });
  return { kill: () => void child.kill('SIGKILL'), ended };
}

/** Runs it to its end; throws with all that it said if it did not succeed. */
export async function runEngine(request: ChildRequest): Promise<ChildResult> {
  return resultOf(await startEngine(request).ended);
}

export function resultOf({ messages, signal, stderr }: EngineOutcome): ChildResult {
  const last = messages.at(-1);
  if (last?.type === 'done') return last;
  throw new Error(`the engine ended with ${signal ?? JSON.stringify(last)}\n${stderr}`);
}
