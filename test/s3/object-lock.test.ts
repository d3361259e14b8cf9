import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBlobID } from '../../packages/repo/src/blob/storage.ts';
import { createS3Storage } from '../../packages/repo/src/node/s3-storage.ts';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { s3Request } from '../s3-request.ts';

const run = promisify(execFile);
const binary = await findMinio();
const kopia = findKopia();

const BUCKET = 'locked';
const PREFIX = 'repository/';
const HOUR_MS = 3_600_000;

/** One stored version of a blob. */
interface Version {
  readonly id: string;
  readonly path: string;
  readonly query: string;
  /** Undefined: not locked. Milliseconds. */
  readonly lockedUntil: number | undefined;
  readonly mode: unknown;
}

describe.skipIf(isMinioMissing(binary, 'object locks', 8))('object locks on MinIO', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  let minio: Minio;

  beforeAll(async () => {
    minio = await startMinio(binary ?? '');
    await minio.createBucket(BUCKET, { objectLock: true });
    mkdirSync(source);
    writeFileSync(world.path('source', 'a'), 'one');
    await world.ok([
      'repository',
      'create',
      's3',
      ...location(),
      '--retention-mode=COMPLIANCE',
      '--retention-period=48h',
    ]);
    await world.ok(['snapshot', 'create', source, '--no-auto-maintenance']);
  });

  afterAll(async () => {
    world[Symbol.dispose]();
    await minio?.[Symbol.asyncDispose]();
  });

  function location(): readonly string[] {
    return [
      `--bucket=${BUCKET}`,
      `--endpoint=${minio.endpoint}`,
      `--prefix=${PREFIX}`,
      `--access-key=${minio.accessKeyID}`,
      `--secret-access-key=${minio.secretAccessKey}`,
      '--disable-tls',
    ];
  }

  /** The newest version of each blob, with its lock. */
  async function newest(): Promise<ReadonlyMap<string, Version>> {
    const query = `prefix=${encodeURIComponent(PREFIX)}&versions=`;
    const { body } = await s3Request(minio, 'GET', `/${BUCKET}`, { query });
    const found = new Map<string, Version>();
    for (const [, version = ''] of body.matchAll(/<Version>(.*?)<\/Version>/gs)) {
      if (!version.includes('<IsLatest>true</IsLatest>')) continue;
      const key = /<Key>(.*?)<\/Key>/.exec(version)![1]!;
      const path = `/${BUCKET}/${key}`;
      const versionQuery = `versionId=${/<VersionId>(.*?)<\/VersionId>/.exec(version)![1]!}`;
      const { headers } = await s3Request(minio, 'HEAD', path, { query: versionQuery });
      const until = headers['x-amz-object-lock-retain-until-date'];
      const id = key.slice(PREFIX.length);
      found.set(id, {
        id,
        path,
        query: versionQuery,
        lockedUntil: until === undefined ? undefined : Date.parse(String(until)),
        mode: headers['x-amz-object-lock-mode'],
      });
    }
    return found;
  }

  const isUnlocked = (id: string): boolean => /^(?:s|m|l|_log_|kopia\.maintenance)/.test(id);

  async function expectLockedFor(hours: number): Promise<void> {
    for (const { id, lockedUntil, mode } of (await newest()).values()) {
      if (isUnlocked(id)) {
        expect({ id, lockedUntil }).toEqual({ id, lockedUntil: undefined });
        continue;
      }
      const left = (lockedUntil! - Date.now()) / HOUR_MS;
      expect({ id, mode, left: Math.round(left * 10) / 10 }).toEqual({
        id,
        mode: 'COMPLIANCE',
        left: hours,
      });
    }
  }

  it('are on everything that readers need, from the moment that it is put', async () => {
    await expectLockedFor(48);
    const letters = new Set([...(await newest()).keys()].map((id) => id[0]));
    expect(letters).toEqual(new Set(['k', 'p', 'q', 'x']));
  });

  it('are not to be extended where they would end before the next full maintenance', async () => {
    const tooRare = ['maintenance', 'set', '--extend-object-locks=true', '--full-interval=25h'];
    expect(await world.run(tooRare)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('at least 24 hours longer'),
    });
    await world.ok(['maintenance', 'set', '--extend-object-locks=true']);
    const tooShort = ['repository', 'set-parameters', '--retention-period=47h'];
    expect(await world.run(tooShort)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('at least 24 hours longer'),
    });
    const idle = await world.ok(['maintenance', 'set', '--enable-full=false']);
    expect(idle.stderr).toContain('only extended by full maintenance');
    await world.ok(['maintenance', 'set', '--enable-full=true']);
  });

  it('are left alone by quick maintenance and by a dry run', async () => {
    const before = await newest();
    await world.ok(['maintenance', 'run']);
    const dry = await world.ok(['maintenance', 'run', '--full', '--dry-run']);
    expect(dry.stderr).toContain('extend-blob-retention-time: extend-lock kopia.repository');
    const after = await newest();
    for (const [id, { lockedUntil }] of before) {
      if (after.has(id)) expect(after.get(id)!.lockedUntil).toBe(lockedUntil);
    }
  });

  it('are extended by each full maintenance that is due, also by one that follows a backup', async () => {
    const before = await newest();
    writeFileSync(world.path('source', 'b'), 'two');
    const { stderr } = await world.ok(['snapshot', 'create', source]);
    expect(stderr).toContain('Running full maintenance');
    const after = await newest();
    let moved = 0;
    for (const [id, { lockedUntil }] of before) {
      if (lockedUntil === undefined || !after.has(id)) continue;
      moved += 1;
      expect(after.get(id)!.lockedUntil).toBeGreaterThan(lockedUntil);
      // The same version, not a copy of it.
      expect(after.get(id)!.query).toBe(before.get(id)!.query);
    }
    expect(moved).toBeGreaterThan(5);
    await expectLockedFor(48);
    const info = await world.json<{
      readonly schedule: { readonly runs: Readonly<Record<string, readonly object[]>> };
    }>(['maintenance', 'info']);
    expect(info.schedule.runs['extend-blob-retention-time']).toMatchObject([
      { success: true, extra: [{ data: { retentionPeriod: '48h0m0s' } }] },
    ]);
  });

  it('follow the period that the repository has now', async () => {
    await world.ok(['repository', 'set-parameters', '--retention-period=96h']);
    await world.ok(['maintenance', 'run', '--full']);
    await expectLockedFor(96);
  });

  it('keep every version that readers need from being deleted, whoever tries', async () => {
    for (const { id, path, query } of (await newest()).values()) {
      if (isUnlocked(id)) continue;
      const { status, body } = await s3Request(minio, 'DELETE', path, { query });
      expect({ id, refused: status >= 400 }).toEqual({ id, refused: true });
      expect(body).toMatch(/WORM|lock|AccessDenied/i);
      const bypass = await s3Request(minio, 'DELETE', path, {
        query,
        headers: { 'x-amz-bypass-governance-retention': 'true' },
      });
      expect(bypass.status).toBeGreaterThanOrEqual(400);
    }
    await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
  });

  it('are never shortened, and a lock that is long enough is no failure', async () => {
    const { endpoint, accessKeyID, secretAccessKey } = minio;
    await using storage = createS3Storage({
      bucket: BUCKET,
      prefix: PREFIX,
      endpoint,
      accessKeyID,
      secretAccessKey,
      disableTLS: true,
    });
    const before = (await newest()).get('kopia.repository')!;
    const id = parseBlobID('kopia.repository');
    const period = (hours: bigint): bigint => hours * 3_600_000_000_000n;
    await storage.extendRetention?.(id, { mode: 'COMPLIANCE', periodNanoseconds: period(30n) });
    expect((await newest()).get(id)).toEqual(before);
    const weaker = { mode: 'GOVERNANCE', periodNanoseconds: period(200n) } as const;
    await expect(storage.extendRetention?.(id, weaker)).rejects.toThrow(/extend the lock/);
    expect((await newest()).get(id)).toEqual(before);
  });

  it.skipIf(isKopiaMissing(kopia, 'the extension of object locks beside Kopia', 1))(
    'are extended by Kopia and longshore in turn',
    async () => {
      const command = (...args: readonly string[]): Promise<unknown> =>
        run(kopia!, [...args, '--no-progress', '--no-use-keyring'], {
          env: {
            HOME: world.path('kopia'),
            KOPIA_PASSWORD: 'secret',
            KOPIA_CONFIG_PATH: world.path('kopia', 'repository.config'),
            KOPIA_CACHE_DIRECTORY: world.path('kopia', 'cache'),
            KOPIA_LOG_DIR: world.path('kopia', 'logs'),
            KOPIA_CHECK_FOR_UPDATES: 'false',
          },
        });
      mkdirSync(world.path('kopia'));
      await command('repository', 'connect', 's3', ...location());
      await command('maintenance', 'set', '--owner=me');
      await command('snapshot', 'create', source);
      await command('maintenance', 'run', '--full');
      const theirs = await newest();
      await expectLockedFor(96);
      await world.ok(['maintenance', 'set', '--owner=me']);
      await world.ok(['maintenance', 'run', '--full']);
      const own = await newest();
      const blob = 'kopia.repository';
      expect(own.get(blob)!.lockedUntil).toBeGreaterThan(theirs.get(blob)!.lockedUntil!);
      await expectLockedFor(96);
      await command('snapshot', 'verify', '--verify-files-percent=100');
    },
  );
});
