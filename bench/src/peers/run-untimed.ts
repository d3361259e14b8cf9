import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ProgramCall } from '../measure.ts';

const run = promisify(execFile);

const MAX_OUTPUT = 64 * 1024 * 1024;
const TIME_LIMIT_MS = 10 * 60_000;

/** What a program printed; for preparations, which nobody times. */
export async function runUntimed(call: ProgramCall): Promise<string> {
  if (call.cwd !== undefined) mkdirSync(call.cwd, { recursive: true });
  const { stdout } = await run(call.program, [...call.parameters], {
    ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
    env: call.environment,
    maxBuffer: MAX_OUTPUT,
    timeout: TIME_LIMIT_MS,
  });
  return stdout;
}
