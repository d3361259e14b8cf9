import { spawn } from 'node:child_process';

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd: string;
  /** Instead of this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end with nothing on its standard input. */
export function runProgram(
  program: string,
  parameters: readonly string[],
  { cwd, env = process.env }: ProgramOptions,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

/** Its standard output; throws with all that it said if it failed. */
export async function runSuccessfully(
  program: string,
  parameters: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const { status, stdout, stderr } = await runProgram(program, parameters, options);
  if (status === 0) return stdout;
  const command = [program, ...parameters].join(' ');
  throw new Error(`${command}: ended with ${status}\n${stdout}${stderr}`);
}
