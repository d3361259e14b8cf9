import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startS3Proxy, type S3Proxy } from '../../bench/src/s3-proxy.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { CLIWorld } from './cli-world.ts';

const run = promisify(execFile);
const minioBinary = await findMinio();
const kopiaBinary = findKopia();

/** Kopia's default is 30 seconds; a wait beyond it makes a run what an hourly one is. */
const LIST_CACHE_SECONDS = 3;

interface Requests {
  list: number;
  get: number;
  put: number;
  delete: number;
  head: number;
}

/** What went over the line, as providers bill it. */
class Line {
  requests: Requests = { list: 0, get: 0, put: 0, delete: 0, head: 0 };

  readonly onRequest = ({ method, target }: { method: string; target: string }): void => {
    const isBucket =
      new URL(target, 'http://s3').pathname.split('/').length === 3 && /\/\?/.test(target);
    if (method === 'GET') this.requests[isBucket ? 'list' : 'get'] += 1;
    else this.requests[method.toLowerCase() as 'put' | 'delete' | 'head'] += 1;
  };

  /** Those of `work`. */
  async count(work: () => Promise<unknown>): Promise<Requests> {
    this.requests = { list: 0, get: 0, put: 0, delete: 0, head: 0 };
    await work();
    return this.requests;
  }
}

function total(requests: Requests): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

/** 200 small files in ten folders. */
function makeTree(path: string): void {
  for (let folder = 0; folder < 10; folder++) {
    const below = join(path, `folder ${folder}`);
    mkdirSync(below, { recursive: true });
    for (let file = 0; file < 20; file++) {
      writeFileSync(join(below, `file ${file}`), `${folder} ${file} `.repeat(50));
    }
  }
}

describe.skipIf(isMinioMissing(minioBinary, 'what a snapshot costs on S3', 5))(
  'an unchanged snapshot of 200 files on S3',
  () => {
    let minio: Minio;
    let proxy: S3Proxy;
    const line = new Line();
    const worlds: CLIWorld[] = [];

    beforeAll(async () => {
      minio = await startMinio(minioBinary ?? '');
      proxy = await startS3Proxy({ target: minio.endpoint, onRequest: line.onRequest });
    });
    afterAll(async () => {
      for (const world of worlds) world[Symbol.dispose]();
      await proxy?.[Symbol.asyncDispose]();
      await minio?.[Symbol.asyncDispose]();
    });

    function s3Flags(bucket: string): readonly string[] {
      return [
        `--bucket=${bucket}`,
        `--endpoint=${proxy.endpoint}`,
        `--access-key=${minio.accessKeyID}`,
        `--secret-access-key=${minio.secretAccessKey}`,
        '--disable-tls',
      ];
    }

    interface Client {
      readonly world: CLIWorld;
      readonly snapshot: () => Promise<unknown>;
      /** As if the last run were an hour ago, as far as caches count time. */
      readonly age: () => Promise<void>;
      readonly forgetCache: () => void;
    }

    async function longshore(version: number): Promise<Client> {
      const world = new CLIWorld();
      worlds.push(world);
      const bucket = `longshore-${version}-${worlds.length}`;
      await minio.createBucket(bucket);
      const tree = world.path('tree');
      makeTree(tree);
      const env = { KOPIA_CACHE_DIRECTORY: world.path('cache') };
      const flags = [...s3Flags(bucket), `--format-version=${version}`];
      await world.ok(['repository', 'create', 's3', ...flags], { env });
      const recent = world.path('cache', 'longshore', 'recent.json');
      return {
        world,
        snapshot: () => world.ok(['snapshot', 'create', tree], { env }),
        age: async () => {
          const text = readFileSync(recent, 'utf8');
          writeFileSync(recent, text.replaceAll(/"readAt":"\d+"/g, '"readAt":"1"'));
        },
        forgetCache: () => rmSync(world.path('cache'), { recursive: true }),
      };
    }

    async function kopia(version: number): Promise<Client> {
      const world = new CLIWorld();
      worlds.push(world);
      const bucket = `kopia-${version}-${worlds.length}`;
      await minio.createBucket(bucket);
      const tree = world.path('tree');
      makeTree(tree);
      const cache = world.path('cache');
      const call = (...args: readonly string[]): Promise<unknown> =>
        run(kopiaBinary ?? '', [...args, '--no-progress', '--no-use-keyring'], {
          env: {
            PATH: process.env['PATH'],
            HOME: world.path('home'),
            KOPIA_PASSWORD: 'secret',
            KOPIA_CONFIG_PATH: world.configFile,
            KOPIA_CACHE_DIRECTORY: cache,
            KOPIA_LOG_DIR: world.path('logs'),
            KOPIA_CHECK_FOR_UPDATES: 'false',
          },
        });
      const lists = `--max-list-cache-duration=${LIST_CACHE_SECONDS}s`;
      const flags = [...s3Flags(bucket), `--format-version=${version}`, lists];
      await call('repository', 'create', 's3', ...flags);
      return {
        world,
        snapshot: () => call('snapshot', 'create', tree),
        age: async () => {
          for (const name of readdirSync(cache)) {
            if (name.startsWith('kopia.')) utimesSync(join(cache, name), 1, 1);
          }
          await sleep((LIST_CACHE_SECONDS + 1) * 1000);
        },
        forgetCache: () => rmSync(cache, { recursive: true }),
      };
    }

    it.each([
      [3, { list: 2, get: 1, put: 3, delete: 1, head: 0 }],
      [2, { list: 2, get: 1, put: 3, delete: 1, head: 0 }],
      [1, { list: 2, get: 1, put: 3, delete: 1, head: 0 }],
    ])('of format %i asks for no more than it must', async (version, expected) => {
      const client = await longshore(version);
      await client.snapshot();
      await client.snapshot();
      // Both lists show index blobs; what is read is when maintenance is due.
      expect(await line.count(client.snapshot)).toEqual(expected);
      await client.age();
      // And the format, its configuration, and the storage classes.
      expect(await line.count(client.snapshot)).toEqual({ ...expected, get: expected.get + 3 });
    });

    it('says what it has asked for', async () => {
      const { world, snapshot } = await longshore(3);
      await snapshot();
      const env = { KOPIA_CACHE_DIRECTORY: world.path('cache') };
      let stderr = '';
      const counted = await line.count(async () => {
        ({ stderr } = await world.ok(['snapshot', 'create', world.path('tree')], { env }));
      });
      expect(counted).toMatchObject({ list: 2, put: 3, delete: 1, head: 0 });
      expect(stderr).toMatch(`Storage requests: 2 list, ${counted.get} get, 3 put, 1 delete; `);
      let json: { storageRequests?: Record<string, number> } = {};
      const verified = await line.count(async () => {
        const args = ['snapshot', 'verify', '--verify-files-percent=100'];
        json = await world.json<typeof json>(args, { env });
      });
      expect(json.storageRequests).toMatchObject(verified);
      expect(json.storageRequests?.['bytesDown']).toBeGreaterThan(1000);
      expect(json.storageRequests?.['bytesUp']).toBe(0);
    });

    it.skipIf(isKopiaMissing(kopiaBinary, 'what Kopia asks S3 for', 1))(
      'costs at most half of what it costs with Kopia, and no more without a cache',
      async () => {
        const clients = [await longshore(3), await kopia(3)];
        const counts: Record<'soon' | 'later' | 'cold', number>[] = [];
        for (const { snapshot, age, forgetCache } of clients) {
          for (let n = 0; n < 3; n++) await snapshot();
          await sleep((LIST_CACHE_SECONDS + 1) * 1000);
          const soon = total(await line.count(snapshot));
          await age();
          const later = total(await line.count(snapshot));
          forgetCache();
          const cold = total(await line.count(snapshot));
          counts.push({ soon, later, cold });
        }
        const [ours, theirs] = counts;
        console.log(`requests: longshore ${JSON.stringify(ours)}, Kopia ${JSON.stringify(theirs)}`);
        expect(ours!.soon).toBeLessThanOrEqual(theirs!.soon / 2);
        expect(ours!.later).toBeLessThanOrEqual(theirs!.later / 2);
        expect(ours!.cold).toBeLessThanOrEqual(theirs!.cold);
      },
    );
  },
);

it('a snapshot in a folder says what it has asked for, to people and to programs', async () => {
  using world = new CLIWorld();
  const tree = world.path('tree');
  makeTree(tree);
  await world.ok(['repository', 'create', 'filesystem', `--path=${world.path('repository')}`]);
  await world.ok(['snapshot', 'create', tree]);
  const { stderr } = await world.ok(['snapshot', 'create', tree]);
  expect(stderr).toMatch(/^Storage requests: 2 list, \d+ get, 3 put, 1 delete; /m);
  const { storageRequests } = await world.json<{ storageRequests: Requests }>([
    'snapshot',
    'create',
    tree,
  ]);
  expect(storageRequests).toMatchObject({ list: 2, put: 3, delete: 1, head: 0 });
  const failed = await world.run(['snapshot', 'create', world.path('nowhere')]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).not.toContain('Storage requests');
});
