import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const MAX_LOG_LENGTH = 100_000;

export interface KopiaServerOptions {
  readonly binary: string;
  /** Folder of the repository. */
  readonly path: string;
  readonly password: string;
  /** IANA name of the zone in which the server lives. */
  readonly timeZone: string;
}

/** Kopia's own server with a repository, reachable from this machine only. What it knows about schedules, no command tells. */
export class KopiaServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #address: string;

  private constructor(child: ChildProcess, home: string, address: string) {
    this.#child = child;
    this.#home = home;
    this.#address = address;
  }

  static async start({
    binary,
    path,
    password,
    timeZone,
  }: KopiaServerOptions): Promise<KopiaServer> {
    const home = await mkdtemp(join(tmpdir(), 'longshore-kopia-server-'));
    const env = {
      PATH: process.env['PATH'],
      TZ: timeZone,
      HOME: home,
      KOPIA_PASSWORD: password,
      KOPIA_CONFIG_PATH: join(home, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
      KOPIA_LOG_DIR: join(home, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
    };
    await run(binary, ['repository', 'connect', 'filesystem', `--path=${path}`], { env });
    const flags = ['--insecure', '--without-password', '--disable-csrf-token-checks'];
    const child = spawn(binary, ['server', 'start', '--address=127.0.0.1:0', ...flags], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      return new KopiaServer(child, home, await addressOf(child));
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** What it answers to a request with a body; its shape is the caller's to know. */
  async post<T>(path: string, body: object): Promise<T> {
    const response = await fetch(`${this.#address}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.kill()) await ended;
    await rm(this.#home, { recursive: true, force: true });
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (): void => reject(new Error(`Kopia's server did not start: ${log}`));
    const timer = setTimeout(fail, START_TIMEOUT_MS);
    child.once('exit', fail);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-MAX_LOG_LENGTH);
      const address = /SERVER ADDRESS: (\S+)/.exec(log)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
