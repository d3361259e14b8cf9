import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { s3Request } from './s3-request.ts';
import type { S3Account } from './s3-request.ts';

const run = promisify(execFile);

/** The module that `go install` builds; AGPL, so it is a program beside the tests and no part of the project. */
const MINIO_MODULE = 'github.com/minio/minio@latest';
const START_TIMEOUT_MS = 60_000;
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** A MinIO server with an empty folder of its own. */
export interface Minio extends S3Account, AsyncDisposable {
  /** On a bucket with object lock every object is versioned. */
  createBucket(name: string, options?: { readonly objectLock?: boolean }): Promise<void>;
  /** Ends the server and keeps what it stored. */
  stop(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  start(): Promise<void>;
}

/**
 * The program: `MINIO_BIN`, `minio` on the PATH, one built earlier into the cache, or one built now if there is
 * a Go compiler. The cache is `LONGSHORE_CACHE`, else `~/.cache/longshore-test`.
 */
export async function findMinio(): Promise<string | undefined> {
  const given = process.env['MINIO_BIN'];
  if (given !== undefined && given !== '') {
    if (!existsSync(given)) throw new Error(`MINIO_BIN: there is no ${given}`);
    return given;
  }
  const cache = process.env['LONGSHORE_CACHE'] ?? join(homedir(), '.cache', 'longshore-test');
  const cached = join(cache, 'minio');
  const found = onPath('minio') ?? (existsSync(cached) ? cached : undefined);
  if (found !== undefined) return found;
  return onPath('go') === undefined ? undefined : buildMinio(cache, cached);
}

/** For `describe.skipIf`: true without MinIO, after saying loudly what is not tested. */
export function isMinioMissing(binary: string | undefined, what: string, tests: number): boolean {
  if (binary !== undefined) return false;
  console.warn(
    `SKIPPED: ${tests} tests of ${what}: no MinIO. Set MINIO_BIN, put minio on the PATH, or install Go.`,
  );
  return true;
}

/** Starts a server on a free port of the loopback interface. `environment` adds to its variables. */
export async function startMinio(
  binary: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Minio> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-minio-'));
  const port = await freePort();
  const account: S3Account = {
    endpoint: `127.0.0.1:${port}`,
    accessKeyID: 'longshore-test',
    secretAccessKey: 'longshore-test-secret',
    region: environment['MINIO_SITE_REGION'] ?? 'us-east-1',
  };
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    server = spawn(
      binary,
      ['server', folder, '--address', account.endpoint, '--console-address', '127.0.0.1:0'],
      {
        stdio: 'ignore',
        env: {
          ...process.env,
          MINIO_ROOT_USER: account.accessKeyID,
          MINIO_ROOT_PASSWORD: account.secretAccessKey,
          MINIO_BROWSER: 'off',
          MINIO_UPDATE: 'off',
          ...environment,
        },
      },
    );
    await untilReady(account, server);
  }

  async function stop(): Promise<void> {
    const stopping = server;
    server = undefined;
    if (!stopping || stopping.exitCode !== null || stopping.signalCode !== null) return;
    const { promise: exited, resolve } = Promise.withResolvers<void>();
    stopping.once('exit', () => resolve());
    stopping.kill('SIGTERM');
    const killTimer = setTimeout(() => stopping.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(killTimer);
  }

  await start();
  return {
    ...account,
    start,
    stop,
    async createBucket(name, { objectLock = false } = {}) {
      const headers: Record<string, string> = objectLock
        ? { 'x-amz-bucket-object-lock-enabled': 'true' }
        : {};
      const { status, body } = await s3Request(account, 'PUT', `/${name}`, { headers });
      if (status !== 200) throw new Error(`bucket ${name}: ${status} ${body}`);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Its health page says ready before it takes requests, so this asks for the buckets. */
async function untilReady(account: S3Account, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`MinIO ended with code ${server.exitCode}`);
    const answer = await s3Request(account, 'GET', '/').catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(50);
  }
  server.kill('SIGKILL');
  throw new Error(`MinIO was not ready after ${START_TIMEOUT_MS} ms`);
}

/** Test files run side by side: a folder serves as the lock, so that only one of them builds. */
async function buildMinio(cache: string, target: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  const lock = `${target}.lock`;
  const deadline = Date.now() + BUILD_TIMEOUT_MS;
  for (;;) {
    const isMine = await mkdir(lock).then(
      () => true,
      () => false,
    );
    if (existsSync(target)) {
      if (isMine) await rmdir(lock);
      return target;
    }
    if (isMine) break;
    if (Date.now() > deadline)
      throw new Error(`another build holds ${lock}: remove it if none runs`);
    await sleep(1000);
  }
  try {
    const bin = await mkdtemp(join(cache, 'build-'));
    console.warn(`building MinIO into ${cache}: this takes some minutes, once`);
    await run('go', ['install', MINIO_MODULE], {
      env: { ...process.env, GOBIN: bin },
      timeout: BUILD_TIMEOUT_MS,
    });
    await rename(join(bin, 'minio'), target);
    await rmdir(bin);
    return target;
  } finally {
    await rmdir(lock);
  }
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() =>
      typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
    );
  });
  return promise;
}
