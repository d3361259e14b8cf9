import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const COMMAND_TIMEOUT_MS = 120_000;

/** The real Kopia: `KOPIA_BIN`, else `kopia` on the PATH. It is a program beside the tests and no part of the project. */
export function findKopia(): string | undefined {
  const given = process.env['KOPIA_BIN'];
  if (given !== undefined && given !== '') {
    if (!existsSync(given)) throw new Error(`KOPIA_BIN: there is no ${given}`);
    return given;
  }
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kopia'))
    .find((path) => existsSync(path));
}

/** For `describe.skipIf`: true without Kopia, after saying loudly what is not tested. */
export function isKopiaMissing(binary: string | undefined, what: string, tests: number): boolean {
  if (binary !== undefined) return false;
  console.warn(
    `SKIPPED: ${tests} tests of ${what}: no Kopia. Set KOPIA_BIN or put kopia on the PATH.`,
  );
  return true;
}

export interface KopiaClientOptions {
  readonly binary: string;
  readonly password: string;
  /** Default: `tester`. */
  readonly userName?: string;
  /** Default: `kopia-host`. */
  readonly hostName?: string;
}

/** What Kopia printed when it failed. */
class KopiaError extends Error {
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(args: readonly string[], exitCode: number | undefined, stderr: string) {
    super(`kopia ${args.join(' ')} ended with ${exitCode ?? 'a signal'}:\n${stderr}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * One installation of Kopia with configuration, cache and logs of its own, connected to one repository.
 * Kopia caches the format blob beside its contents: clients of two repositories must share nothing.
 */
export class KopiaClient implements AsyncDisposable {
  readonly userName: string;
  readonly hostName: string;
  readonly #binary: string;
  readonly #password: string;
  readonly #home: string;

  private constructor(options: KopiaClientOptions, home: string) {
    this.userName = options.userName ?? 'tester';
    this.hostName = options.hostName ?? 'kopia-host';
    this.#binary = options.binary;
    this.#password = options.password;
    this.#home = home;
  }

  /** Creates a repository in a folder and connects to it. */
  static async create(
    options: KopiaClientOptions & { readonly path: string; readonly flags?: readonly string[] },
  ): Promise<KopiaClient> {
    return KopiaClient.#start('create', options);
  }

  static async connect(
    options: KopiaClientOptions & { readonly path: string; readonly flags?: readonly string[] },
  ): Promise<KopiaClient> {
    return KopiaClient.#start('connect', options);
  }

  static async #start(
    command: 'create' | 'connect',
    options: KopiaClientOptions & { readonly path: string; readonly flags?: readonly string[] },
  ): Promise<KopiaClient> {
    const client = new KopiaClient(options, await mkdtemp(join(tmpdir(), 'longshore-kopia-')));
    try {
      await client.run(
        'repository',
        command,
        'filesystem',
        `--path=${options.path}`,
        `--override-username=${client.userName}`,
        `--override-hostname=${client.hostName}`,
        // By default index blobs that others wrote since the last listing may stay unseen.
        '--max-list-cache-duration=1ms',
        ...(options.flags ?? []),
      );
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  get configFile(): string {
    return join(this.#home, 'repository.config');
  }

  /** Standard output. {@link KopiaError} if the exit code is not 0. */
  async run(...args: readonly string[]): Promise<string> {
    return (await this.#run(args)).stdout;
  }

  /** As `run`, with more variables. */
  async runWith(
    environment: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ): Promise<string> {
    return (await this.#run(args, environment)).stdout;
  }

  /** What a command tells its user, which is on standard error. */
  async messages(...args: readonly string[]): Promise<string> {
    return (await this.#run(args)).stderr;
  }

  async #run(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const home = this.#home;
    try {
      return await run(this.#binary, [...args, '--no-progress', '--no-use-keyring'], {
        maxBuffer: MAX_OUTPUT_BYTES,
        timeout: COMMAND_TIMEOUT_MS,
        env: {
          PATH: process.env['PATH'],
          TZ: 'UTC',
          HOME: home,
          KOPIA_PASSWORD: this.#password,
          KOPIA_CONFIG_PATH: this.configFile,
          KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
          KOPIA_LOG_DIR: join(home, 'logs'),
          KOPIA_CHECK_FOR_UPDATES: 'false',
          ...environment,
        },
      });
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: unknown };
      if (typeof stderr !== 'string') throw error;
      throw new KopiaError(args, typeof code === 'number' ? code : undefined, stderr);
    }
  }

  /** What a command prints with `--json`; the caller knows its shape. */
  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(...args, '--json')) as T;
  }

  /** Takes a snapshot of a local tree. */
  snapshot(tree: string, ...flags: readonly string[]): Promise<KopiaSnapshot> {
    return this.json('snapshot', 'create', tree, ...flags);
  }

  /** Of all users and hosts; those that retention does not count included. */
  snapshots(): Promise<readonly KopiaSnapshot[]> {
    return this.json('snapshot', 'list', '--all', '--show-identical', '--incomplete');
  }

  /** Walks every snapshot and reads every byte of every file. */
  async verify(): Promise<void> {
    await this.run('snapshot', 'verify', '--verify-files-percent=100');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** The members of a snapshot in Kopia's JSON that tests look at. */
export interface KopiaSnapshot {
  readonly id: string;
  readonly source: { readonly host: string; readonly userName: string; readonly path: string };
  readonly description: string;
  readonly startTime: string;
  readonly incomplete?: string;
  readonly rootEntry: {
    readonly name: string;
    readonly obj: string;
    readonly summ: {
      readonly size: number;
      readonly files: number;
      readonly symlinks: number;
      readonly dirs: number;
      readonly numFailed: number;
    };
  };
  readonly tags?: Readonly<Record<string, string>>;
  readonly pins?: readonly string[];
}
