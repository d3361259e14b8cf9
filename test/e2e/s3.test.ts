import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  createSystemClock,
  parseBlobID,
  writeSession,
  type BlobStorage,
  type OpenWritableRepository,
  type RetryEvent,
} from '@longshore/repo';
import { createS3Storage } from '@longshore/repo/node';
import type { SnapshotManifest } from '@longshore/snapshot';
import { createSeededRandom } from '../../packages/repo/src/blob/seeded-random.ts';
import { startB2Proxy, type B2Proxy, type ProxyFault } from '../b2-proxy.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';
import { describeTree } from '../local-tree.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { s3Request } from '../s3-request.ts';
import { createSeededTree } from '../trees.ts';
import {
  allSnapshots,
  createEngine,
  openEngine,
  openStorage,
  PASSWORD,
  restoreTo,
  takeSnapshot,
  verifyAll,
  type StorageLocation,
} from './engine.ts';

const run = promisify(execFile);
const binary = await findMinio();
const kopia = findKopia();
const DAY = 86_400_000_000_000n;
const SEED = Number(process.env['LONGSHORE_S3_SEED'] ?? 1);
const FAULTS: readonly ProxyFault[] = [
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'early-answer', status: 503, code: 'SlowDown' },
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'cut-request', afterBytes: 70_000 },
  { kind: 'cut-response', afterBytes: 0 },
  { kind: 'cut-response', afterBytes: 40 },
];

describe.skipIf(isMinioMissing(binary, 'backups to S3', 11))('backups to MinIO', () => {
  let minio: Minio;
  let proxy: B2Proxy;
  let folder: string;
  let tree: string;
  let prefixes = 0;

  beforeAll(async () => {
    minio = await startMinio(binary ?? '');
    await minio.createBucket('plain');
    await minio.createBucket('locked', { objectLock: true });
    folder = mkdtempSync(join(tmpdir(), 'longshore-s3-'));
  });
  afterAll(async () => {
    await minio?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    proxy = await startB2Proxy({ target: minio.endpoint });
    tree = mkdtempSync(join(folder, 'tree-'));
    createSeededTree(join(tree, 'first'), {
      seed: SEED,
      files: 200,
      totalBytes: 25_000_000,
      symlinks: 5,
    });
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  type S3Location = Extract<StorageLocation, { kind: 's3' }>;
  function location(options: Partial<S3Location> = {}): S3Location {
    const { endpoint, accessKeyID, secretAccessKey } = minio;
    const prefix = `p${prefixes++}/`;
    return {
      kind: 's3',
      endpoint,
      accessKeyID,
      secretAccessKey,
      bucket: 'plain',
      prefix,
      ...options,
    };
  }

  async function checkRestored(
    repository: OpenWritableRepository,
    snapshot: SnapshotManifest,
    expected: Awaited<ReturnType<typeof describeTree>>,
  ): Promise<void> {
    const target = mkdtempSync(join(folder, 'restored-'));
    await restoreTo(repository, snapshot, target);
    expect(await describeTree(target)).toEqual(expected);
    rmSync(target, { recursive: true });
  }

  it.each([
    ['at the top of a bucket', () => location({ prefix: '' })],
    ['below a prefix', () => location({ prefix: 'backups/of this/host-' })],
    ['through a proxy that refuses what B2 refuses', () => location({ endpoint: proxy.endpoint })],
  ])('%s are made, continued, restored, verified and deleted', async (_name, where) => {
    const storage = await openStorage(where());
    await using repository = await createEngine(storage);
    const first = await takeSnapshot(repository, tree);
    const before = await describeTree(tree);
    createSeededTree(join(tree, 'second'), { seed: SEED + 1, files: 20, totalBytes: 1_000_000 });
    const second = await takeSnapshot(repository, tree);
    expect(second.newBytes).toBeLessThan(1_200_000);
    {
      await using reopened = await openEngine(storage, { threads: true });
      await checkRestored(reopened, first.snapshot, before);
      await checkRestored(reopened, second.snapshot, await describeTree(tree));
      expect(await verifyAll(reopened)).toMatchObject({ errorCount: 0, finished: true });
    }
    await writeSession(repository, {}, (writer) => writer.deleteManifest(first.snapshot.id));
    await using reopened = await openEngine(storage);
    expect((await allSnapshots(reopened)).map(({ id }) => id)).toEqual([second.snapshot.id]);
    expect(await verifyAll(reopened)).toMatchObject({ errorCount: 0, finished: true });
    expect(proxy.refusals).toEqual([]);
  });

  it('outlive a restart of the server in the middle', async () => {
    const retries: RetryEvent[] = [];
    await using storage = await openStorage(location(), (event) => retries.push(event));
    await using repository = await createEngine(storage);
    let bytesRead = 0;
    let restart: Promise<void> | undefined;
    const { snapshot } = await takeSnapshot(repository, tree, {
      onEvent: (event) => {
        if (event.type !== 'bytes-read') return;
        bytesRead += event.bytes;
        if (bytesRead > 8_000_000) restart ??= restartServer();
      },
    });
    expect(restart).toBeDefined();
    await restart;
    expect(retries.length).toBeGreaterThan(0);
    await checkRestored(repository, snapshot, await describeTree(tree));
    expect((await verifyAll(repository)).errors).toEqual([]);
  });

  async function restartServer(): Promise<void> {
    await minio.stop();
    await sleep(1000);
    await minio.start();
  }

  it.each([SEED, SEED + 1, SEED + 2])(
    'outlive throttling, failures and cut connections (seed %i)',
    async (seed) => {
      const random = createSeededRandom(seed);
      const retries: RetryEvent[] = [];
      const where = location({ endpoint: proxy.endpoint });
      await using storage = await openStorage(where, (event) => retries.push(event));
      await using repository = await createEngine(storage);
      const strike = (methods: readonly string[]): void => {
        if (random() > 0.15) return;
        const fault = FAULTS[Math.floor(random() * FAULTS.length)]!;
        proxy.addRule({ fault, method: methods[Math.floor(random() * methods.length)]! });
      };
      const { snapshot } = await takeSnapshot(repository, tree, {
        checkpointIntervalMs: 200,
        onEvent: ({ type }) => {
          if (type === 'file-finished') strike(['PUT', 'PUT', 'GET', 'DELETE']);
        },
      });
      for (let i = 0; i < 60; i++) strike(['GET']);
      await using reopened = await openEngine(storage);
      await checkRestored(reopened, snapshot, await describeTree(tree));
      expect((await verifyAll(reopened)).errors).toEqual([]);
      expect(retries.length).toBeGreaterThan(3);
      expect(proxy.refusals).toEqual([]);
    },
  );

  it('carry the object lock of the repository, and outlive a thief who deletes everything', async () => {
    const where = location({ bucket: 'locked', endpoint: proxy.endpoint });
    await using storage = await openStorage(where);
    const retention = { mode: 'COMPLIANCE', periodNanoseconds: DAY } as const;
    await using repository = await createEngine(storage, { retention });
    const { snapshot } = await takeSnapshot(repository, tree);
    const ids: string[] = [];
    for await (const { id } of storage.listBlobs('')) ids.push(id);
    expect(new Set(ids.map((id) => id[0]))).toEqual(new Set(['k', 'p', 'q', 'x']));
    for (const id of ids) {
      const { headers } = await s3Request(minio, 'HEAD', `/locked/${where.prefix}${id}`);
      const until = Date.parse(String(headers['x-amz-object-lock-retain-until-date']));
      expect({ id, mode: headers['x-amz-object-lock-mode'] }).toEqual({ id, mode: 'COMPLIANCE' });
      expect(until - Date.now()).toBeGreaterThan(23 * 3_600_000);
      await storage.deleteBlob(parseBlobID(id));
    }
    await expect(openEngine(storage)).rejects.toMatchObject({ code: 'REPOSITORY_NOT_INITIALIZED' });
    const kept = await lockedVersions(where);
    await using again = await openEngine(kept);
    await checkRestored(again, snapshot, await describeTree(tree));
  });

  /** The versions below the delete markers, none of which can be deleted before its time. */
  async function lockedVersions({ prefix }: S3Location): Promise<BlobStorage> {
    const kept = createMemoryStorage({ clock: createSystemClock() });
    const query = `prefix=${encodeURIComponent(prefix)}&versions=`;
    const { body } = await s3Request(minio, 'GET', '/locked', { query });
    for (const [, version = ''] of body.matchAll(/<Version>(.*?)<\/Version>/gs)) {
      const key = /<Key>(.*?)<\/Key>/.exec(version)![1]!;
      const id = parseBlobID(key.slice(prefix.length));
      const versionID = `versionId=${/<VersionId>(.*?)<\/VersionId>/.exec(version)![1]!}`;
      const refused = await s3Request(minio, 'DELETE', `/locked/${key}`, { query: versionID });
      // Session markers carry no lock: they are to go as soon as the session ends.
      const isLocked = !id.startsWith('s');
      expect({ id, isRefused: refused.status >= 400 }).toEqual({ id, isRefused: isLocked });
      if (isLocked) await kept.putBlob(id, await readVersion(`/locked/${key}`, versionID));
    }
    return kept;
  }

  async function readVersion(path: string, query: string): Promise<Uint8Array> {
    const { status, bytes } = await s3Request(minio, 'GET', path, { query });
    expect(status).toBe(200);
    return bytes;
  }

  it.each([
    ['a wrong secret', { secretAccessKey: 'not-the-secret' }, /secret access key or the region/],
    ['an unknown key', { accessKeyID: 'nobody' }, /does not know the access key/],
    ['a made up session token', { sessionToken: 'made-up-token' }, /refuses the session token/],
    ['a missing bucket', { bucket: 'no-such-bucket' }, /there is no bucket no-such-bucket/],
  ] as const)(
    'say in one line what is wrong with %s, and no secret',
    async (_name, wrong, text) => {
      const { endpoint, accessKeyID, secretAccessKey } = minio;
      const account = { endpoint, accessKeyID, secretAccessKey, bucket: 'plain', disableTLS: true };
      await using storage = createS3Storage({ ...account, ...wrong });
      const error = await openEngine(storage).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({
        code: 'bucket' in wrong ? 'STORAGE_FAILED' : 'ACCESS_DENIED',
        message: expect.stringMatching(text) as string,
      });
      const { message } = error as Error;
      expect(message).not.toContain('\n');
      expect(message).not.toMatch(/not-the-secret|made-up-token/);
    },
  );

  it.skipIf(isKopiaMissing(kopia, 'Kopia on our S3 repositories', 1))(
    'are read, verified and continued by Kopia',
    async () => {
      const where = location({ prefix: 'shared/with-kopia/' });
      await using storage = await openStorage(where);
      await using repository = await createEngine(storage);
      const { snapshot } = await takeSnapshot(repository, tree);
      const home = mkdtempSync(join(folder, 'kopia-'));
      const command = (...args: readonly string[]): Promise<{ readonly stdout: string }> =>
        run(kopia!, [...args, '--no-progress', '--no-use-keyring'], {
          env: {
            HOME: home,
            KOPIA_PASSWORD: PASSWORD,
            KOPIA_CONFIG_PATH: join(home, 'repository.config'),
            KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
            KOPIA_LOG_DIR: join(home, 'logs'),
            KOPIA_CHECK_FOR_UPDATES: 'false',
            AWS_ACCESS_KEY_ID: where.accessKeyID,
            AWS_SECRET_ACCESS_KEY: where.secretAccessKey,
          },
        });
      const { bucket, endpoint, prefix } = where;
      const s3 = [`--bucket=${bucket}`, `--endpoint=${endpoint}`, `--prefix=${prefix}`];
      await command('repository', 'connect', 's3', ...s3, '--disable-tls');
      await command('snapshot', 'verify', '--verify-files-percent=100');
      const { stdout } = await command('snapshot', 'create', tree, '--json');
      await command('snapshot', 'verify', '--verify-files-percent=100');
      const theirs = JSON.parse(stdout) as { readonly rootEntry: { readonly obj: string } };
      expect(theirs.rootEntry.obj).toBe(snapshot.rootEntry?.objectID);
      expect(await allSnapshots(repository)).toHaveLength(2);
      expect(await verifyAll(repository)).toMatchObject({ errorCount: 0, finished: true });
    },
  );
});
