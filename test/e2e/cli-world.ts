import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PROGRAM = resolve(import.meta.dirname, '../../packages/cli/bin/longshore.js');

export interface CLIResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Called with each piece of standard error as it comes. */
  readonly onStderr?: (text: string, interrupt: () => void) => void;
}

/** A home of its own for the program, in a folder that goes away. */
export class CLIWorld implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'longshore-cli-'));
  readonly configFile: string = join(this.folder, 'repository.config');

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs the program as a shell would: nothing of the tests' environment comes through but PATH. */
  run(args: readonly string[], options: RunOptions = {}): Promise<CLIResult> {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: options.cwd ?? this.folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.path('home'),
        TZ: 'UTC',
        KOPIA_CONFIG_PATH: this.configFile,
        KOPIA_PASSWORD: 'secret',
        KOPIA_LOG_DIR: this.path('logs'),
        ...options.env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(stderr, () => child.kill('SIGINT'));
    });
    child.stdin.end(options.stdin ?? '');
    return new Promise((done, reject) => {
      child.on('error', reject);
      child.on('close', (code) => done({ code, stdout, stderr }));
    });
  }

  /** As {@link run}; a failure of the program is one of the test. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<CLIResult> {
    const result = await this.run(args, options);
    if (result.code !== 0) {
      throw new Error(`longshore ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
    }
    return result;
  }

  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    return JSON.parse((await this.ok([...args, '--json'], options)).stdout) as T;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
