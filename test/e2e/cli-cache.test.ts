import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startS3Proxy, type S3Proxy } from '../../bench/src/s3-proxy.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { CLIWorld, type CLIResult } from './cli-world.ts';

const minioBinary = await findMinio();
const BUCKET = 'cached';

describe.skipIf(isMinioMissing(minioBinary, 'filling the cache', 4))(
  'the cache of an S3 client',
  () => {
    const world = new CLIWorld();
    const env = { KOPIA_CACHE_DIRECTORY: world.path('cache') };
    const data = 'some text '.repeat(50_000);
    let minio: Minio;
    let proxy: S3Proxy;
    let root = '';
    let packs: string[] = [];

    const ok = (...args: readonly string[]): Promise<CLIResult> => world.ok(args, { env });

    /** Packs that `work` asks the storage for, by the first letter of their names. */
    async function packsRead(work: () => Promise<unknown>): Promise<string> {
      packs = [];
      await work();
      return [...new Set(packs)].sort().join('');
    }

    beforeAll(async () => {
      minio = await startMinio(minioBinary ?? '');
      await minio.createBucket(BUCKET);
      proxy = await startS3Proxy({
        target: minio.endpoint,
        onRequest: ({ method, target }) => {
          const [, kind] = new RegExp(`/${BUCKET}/([pq])[0-9a-f]{30}`).exec(target) ?? [];
          if (method === 'GET' && kind !== undefined) packs.push(kind);
        },
      });
      for (const folder of ['a', 'b', 'c']) {
        mkdirSync(world.path('tree', folder), { recursive: true });
        writeFileSync(world.path('tree', folder, 'file'), folder + data);
      }
      await ok(
        'repository',
        'create',
        's3',
        `--bucket=${BUCKET}`,
        `--endpoint=${proxy.endpoint}`,
        `--access-key=${minio.accessKeyID}`,
        `--secret-access-key=${minio.secretAccessKey}`,
        '--disable-tls',
      );
      const { stdout } = await ok('snapshot', 'create', world.path('tree'), '--json');
      root = (JSON.parse(stdout) as { rootEntry: { obj: string } }).rootEntry.obj;
      rmSync(world.path('cache'), { recursive: true });
    });
    afterAll(async () => {
      world[Symbol.dispose]();
      await proxy?.[Symbol.asyncDispose]();
      await minio?.[Symbol.asyncDispose]();
    });

    it('holds all metadata after a sync, so that a walk reads no pack', async () => {
      expect(await packsRead(() => ok('cache', 'sync', '--parallel=2'))).toBe('q');
      expect(await packsRead(() => ok('list', '--recursive', root))).toBe('');
      expect(await packsRead(() => ok('cache', 'sync'))).toBe('');
      expect(await world.run(['cache', 'sync', '--parallel=0'])).toMatchObject({ code: 1 });
    });

    it('only counts what is prefetched with --hint=none', async () => {
      const prefetch = ['cache', 'prefetch', `${root}/a/file`, '--hint=none'] as const;
      let stderr = '';
      expect(
        await packsRead(async () => {
          ({ stderr } = await ok(...prefetch));
        }),
      ).toBe('');
      expect(stderr).toContain('prefetched 1 contents');
      expect(await packsRead(() => ok('show', `${root}/a/file`))).toBe('p');
      expect(await packsRead(() => ok('show', `${root}/a/file`))).toBe('p');
    });

    it('holds file data that was prefetched, and no other', async () => {
      const prefetch = ['cache', 'prefetch', `${root}/a/file`, `${root}/b`] as const;
      expect(await packsRead(() => ok(...prefetch))).toBe('p');
      let shown = '';
      expect(
        await packsRead(async () => {
          shown = (await ok('show', `${root}/a/file`)).stdout;
        }),
      ).toBe('');
      expect(shown).toBe(`a${data}`);
      expect(await packsRead(() => ok('show', `${root}/b/file`))).toBe('p');
      const target = world.path('restored');
      expect(await packsRead(() => ok('restore', `${root}/a`, target))).toBe('');
    });

    it('holds all that is in the packs of an object with --hint=blobs', async () => {
      await ok('cache', 'prefetch', `${root}/a/file`, '--hint=blobs');
      expect(await packsRead(() => ok('show', `${root}/b/file`))).toBe('');
      expect(await packsRead(() => ok('restore', root, world.path('whole')))).toBe('');
    });
  },
);
