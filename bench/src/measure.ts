import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runnerParameters } from './project.ts';
import type { Sample } from './result.ts';
import type { UsageAnswer, UsageRequest } from './runners/child-usage.ts';

const run = promisify(execFile);

/** A program to run. */
export interface ProgramCall {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly cwd?: string;
  /** All of it: nothing is inherited but what is named here. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface MeasuredRun extends Omit<UsageAnswer, 'status' | 'signal' | 'timedOut'> {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that failed or took longer than allowed, and what it said. */
class ProgramError extends Error {
  readonly timedOut: boolean;

  constructor(message: string, timedOut: boolean) {
    super(message);
    this.timedOut = timedOut;
  }
}

const SHOWN_OUTPUT = 2000;

/** Runs a program to its end: wall time, and the time and memory that the operating system counted for it. */
export async function measureProgram(
  call: ProgramCall,
  { timeLimitSeconds }: { readonly timeLimitSeconds: number },
): Promise<MeasuredRun> {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-measure-'));
  try {
    const request: UsageRequest = {
      ...call,
      cwd: call.cwd ?? folder,
      stdoutFile: join(folder, 'stdout'),
      stderrFile: join(folder, 'stderr'),
      timeLimitSeconds,
    };
    const answerFile = join(folder, 'answer');
    await run(process.execPath, [
      ...runnerParameters('child-usage'),
      JSON.stringify(request),
      answerFile,
    ]);
    const { status, signal, timedOut, ...usage } = JSON.parse(
      readFileSync(answerFile, 'utf8'),
    ) as UsageAnswer;
    const stdout = readFileSync(request.stdoutFile, 'utf8');
    const stderr = readFileSync(request.stderrFile, 'utf8');
    if (status === 0) return { ...usage, stdout, stderr };
    const ending = timedOut
      ? `took longer than ${Math.round(timeLimitSeconds)} s`
      : `ended with ${status ?? signal}`;
    throw new ProgramError(
      `${describeCall(call)}: ${ending}\n${(stdout + stderr).slice(-SHOWN_OUTPUT)}`,
      timedOut,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without what could hold a password or key. */
function describeCall({ program, parameters }: ProgramCall): string {
  const shown = parameters.map((one) =>
    one.replaceAll(/(key=|"password":"|AccessKey":")[^"\s]*/gi, '$1…'),
  );
  return [program, ...shown].join(' ').slice(0, 500);
}

export function sampleOf({ wallSeconds, cpuSeconds, peakBytes }: MeasuredRun): Sample {
  return {
    value: wallSeconds,
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
    ...(peakBytes === undefined ? {} : { peakBytes }),
  };
}

/** Writes back what earlier runs left in memory, so that no run pays for another's writes. */
export async function settleDisk(): Promise<void> {
  await run('sync').catch(() => undefined);
}

export interface Turns<T> {
  readonly name: string;
  /** One run: what is not to be timed is done before and after inside of it. */
  readonly run: (turn: number) => Promise<T>;
}

/**
 * Runs each in turn, A B A B, `count` times. After `deadline` (as `performance.now()` counts) no further turn begins,
 * but one is always taken. All have equally many results.
 */
export async function takeTurns<T>(
  subjects: readonly Turns<T>[],
  { count, deadline }: { readonly count: number; readonly deadline: number },
): Promise<ReadonlyMap<string, readonly T[]>> {
  const results = new Map<string, T[]>(subjects.map(({ name }) => [name, []]));
  for (let turn = 0; turn < count; turn++) {
    if (turn > 0 && performance.now() > deadline) break;
    const taken: T[] = [];
    for (const subject of subjects) taken.push(await subject.run(turn));
    for (const [index, { name }] of subjects.entries()) results.get(name)!.push(taken[index]!);
  }
  return results;
}
