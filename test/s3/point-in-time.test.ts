import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBlobID, type BlobStorage } from '../../packages/repo/src/blob/storage.ts';
import { createS3Storage } from '../../packages/repo/src/node/s3-storage.ts';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';

const run = promisify(execFile);
const binary = await findMinio();
const kopia = findKopia();

const VERSIONED = 'versioned';
const PLAIN = 'plain';
const PREFIX = 'repository/';

interface Listed {
  readonly id: string;
}

describe.skipIf(isMinioMissing(binary, 'versioned buckets', 7))('a moment of the past', () => {
  const world = new CLIWorld();
  const source = world.path('source');
  const past = { KOPIA_CONFIG_PATH: world.path('past.config') };
  let minio: Minio;
  /** Between two states of the repository. */
  let moment: string;
  let before: readonly Listed[];

  beforeAll(async () => {
    minio = await startMinio(binary ?? '');
    await minio.createBucket(VERSIONED, { objectLock: true });
    await minio.createBucket(PLAIN);
    mkdirSync(source);
    writeFileSync(world.path('source', 'a'), 'one');
    await world.ok(['repository', 'create', 's3', ...location(VERSIONED)]);
    await world.ok(['snapshot', 'create', source, '--no-auto-maintenance']);
    before = await world.json<readonly Listed[]>(['snapshot', 'list']);
    await sleep(1500);
    moment = new Date().toISOString();
    await sleep(1500);
    writeFileSync(world.path('source', 'a'), 'two');
    await world.ok(['repository', 'set-parameters', '--max-pack-size-mb=30']);
    await world.ok(['snapshot', 'create', source, '--no-auto-maintenance']);
    await world.ok(['snapshot', 'delete', before[0]!.id, '--delete', '--no-auto-maintenance']);
    for (let run = 0; run < 3; run++) {
      await world.ok(['maintenance', 'run', '--full', '--safety=none']);
    }
  });

  afterAll(async () => {
    world[Symbol.dispose]();
    await minio?.[Symbol.asyncDispose]();
  });

  function location(bucket: string): readonly string[] {
    return [
      `--bucket=${bucket}`,
      `--endpoint=${minio.endpoint}`,
      `--prefix=${PREFIX}`,
      `--access-key=${minio.accessKeyID}`,
      `--secret-access-key=${minio.secretAccessKey}`,
      '--disable-tls',
    ];
  }

  function storageAt(bucket: string, pointInTime?: bigint): BlobStorage {
    return createS3Storage({
      ...minio,
      bucket,
      prefix: PREFIX,
      disableTLS: true,
      ...(pointInTime === undefined ? {} : { pointInTime }),
    });
  }

  async function listed(storage: BlobStorage, prefix = ''): Promise<readonly string[]> {
    const blobs = await Array.fromAsync(storage.listBlobs(prefix));
    return blobs.map(({ id, length }) => `${id} ${length}`).sort();
  }

  it('is what a connection shows, though later runs have deleted and replaced it', async () => {
    const now = await world.json<readonly Listed[]>(['snapshot', 'list']);
    expect(now.map(({ id }) => id)).not.toContain(before[0]!.id);
    const args = ['repository', 'connect', 's3', ...location(VERSIONED)];
    await world.ok([...args, `--point-in-time=${moment}`], { env: past });
    expect(await world.json(['snapshot', 'list'], { env: past })).toEqual(before);
    const target = world.path('restored');
    await world.ok(['snapshot', 'restore', before[0]!.id, target], { env: past });
    expect(readFileSync(`${target}/a`, 'utf8')).toBe('one');
    await world.ok(['snapshot', 'verify', '--verify-files-percent=100'], { env: past });
    const status = await world.json<{ readonly contentFormat: { readonly maxPackSize: number } }>(
      ['repository', 'status'],
      { env: past },
    );
    expect(status.contentFormat.maxPackSize).toBe(20 * 2 ** 20);
  });

  it('cannot be written', async () => {
    for (const args of [
      ['snapshot', 'create', source],
      ['maintenance', 'run', '--full'],
      ['snapshot', 'delete', before[0]!.id, '--delete'],
    ]) {
      const refused = await world.run([...args, '--exit-codes=detailed'], { env: past });
      expect(refused).toMatchObject({
        code: 15,
        stderr: expect.stringContaining('without --point-in-time'),
      });
    }
    const storage = storageAt(VERSIONED, BigInt(Date.parse(moment)) * 1_000_000n);
    const refused = expect.objectContaining({ code: 'READ_ONLY' });
    await expect(storage.putBlob(parseBlobID('pnew'), new Uint8Array(1))).rejects.toThrow(refused);
    await expect(storage.deleteBlob(parseBlobID('kopia.repository'))).rejects.toThrow(refused);
  });

  it('is only for connections, has to be a time, and is shown by the status', async () => {
    const flag = `--point-in-time=${moment}`;
    for (const args of [
      ['repository', 'create', 's3', ...location(PLAIN), flag],
      ['repository', 'sync-to', 's3', ...location(PLAIN), flag],
    ]) {
      expect((await world.run(args)).stderr).toContain('the past cannot be written');
    }
    const connect = ['repository', 'connect', 's3', ...location(VERSIONED)];
    expect((await world.run([...connect, '--point-in-time=yesterday'])).stderr).toContain(
      'needs a time such as',
    );
    expect((await world.ok(['repository', 'status'], { env: past })).stdout).toContain(
      `at ${moment.slice(0, 19)}`,
    );
  });

  it('is refused where the bucket keeps no versions', async () => {
    const args = ['repository', 'connect', 's3', ...location(PLAIN), `--point-in-time=${moment}`];
    const refused = await world.run([...args, '--exit-codes=detailed'], {
      env: { KOPIA_CONFIG_PATH: world.path('no.config') },
    });
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`bucket ${PLAIN} keeps no versions`),
    });
  });

  it('is refused by nobody else: a moment before the repository has none', async () => {
    const storage = storageAt(VERSIONED, 1_000_000_000_000_000_000n);
    expect(await listed(storage)).toEqual([]);
    const missing = expect.objectContaining({ code: 'BLOB_NOT_FOUND' });
    await expect(storage.getBlob(parseBlobID('kopia.repository'))).rejects.toThrow(missing);
    await expect(storage.getMetadata(parseBlobID('kopia.repository'))).rejects.toThrow(missing);
  });

  it('has every blob as it was, over many pages of versions', async () => {
    await using storage = storageAt(VERSIONED);
    const states: { readonly at: bigint; readonly blobs: readonly string[] }[] = [];
    const id = (i: number): ReturnType<typeof parseBlobID> => parseBlobID(`many${i}`);
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Array.from({ length: 260 }, async (_, i) => {
          if (round > 0 && (i + round) % 5 === 0) await storage.deleteBlob(id(i));
          else await storage.putBlob(id(i), new Uint8Array(1 + round * 300 + i));
        }),
      );
      await sleep(5);
      states.push({
        at: BigInt(Date.now()) * 1_000_000n,
        blobs: await listed(storage, 'many'),
      });
      await sleep(5);
    }
    for (const { at, blobs } of states) {
      await using then = storageAt(VERSIONED, at);
      expect(await listed(then, 'many')).toEqual(blobs);
      const [first] = blobs;
      const [name = '', length] = first!.split(' ');
      expect(await then.getBlob(parseBlobID(name))).toHaveLength(Number(length));
      expect(await then.getMetadata(parseBlobID(name))).toMatchObject({ length: Number(length) });
      const range = { offset: Number(length) - 1, length: 1 };
      expect(await then.getBlob(parseBlobID(name), { range })).toHaveLength(1);
    }
  });

  it.skipIf(isKopiaMissing(kopia, 'the past beside Kopia', 1))(
    'is the same for Kopia, by its own connection and by ours',
    async () => {
      const list = async (configFile: string): Promise<readonly Listed[]> => {
        const args = ['snapshot', 'list', '--json', '--all', `--config-file=${configFile}`];
        const { stdout } = await run(kopia!, args, {
          env: { HOME: world.path('kopia-home'), KOPIA_PASSWORD: 'secret' },
        });
        return JSON.parse(stdout) as readonly Listed[];
      };
      const theirs = world.path('kopia.config');
      await run(
        kopia!,
        [
          'repository',
          'connect',
          's3',
          ...location(VERSIONED),
          `--point-in-time=${moment}`,
          `--config-file=${theirs}`,
        ],
        {
          env: {
            HOME: world.path('kopia-home'),
            KOPIA_PASSWORD: 'secret',
            KOPIA_CHECK_FOR_UPDATES: 'false',
          },
        },
      );
      const expected = before.map(({ id }) => id);
      expect((await list(theirs)).map(({ id }) => id)).toEqual(expected);
      expect((await list(past.KOPIA_CONFIG_PATH)).map(({ id }) => id)).toEqual(expected);
      const env = { KOPIA_CONFIG_PATH: theirs };
      rmSync(world.path('again'), { recursive: true, force: true });
      await world.ok(['snapshot', 'restore', expected[0]!, world.path('again')], { env });
      expect(readFileSync(world.path('again', 'a'), 'utf8')).toBe('one');
    },
  );
});
