import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBlobID } from '../../packages/repo/src/blob/storage.ts';
import { createS3Storage } from '../../packages/repo/src/node/s3-storage.ts';
import { CLIWorld } from '../e2e/cli-world.ts';
import { findKopia, isKopiaMissing } from '../kopia.ts';
import { describeTree } from '../local-tree.ts';
import { findMinio, isMinioMissing, startMinio, type Minio } from '../minio.ts';
import { s3Request } from '../s3-request.ts';

const run = promisify(execFile);
const binary = await findMinio();
const kopia = findKopia();

const BUCKET = 'appended';

/** Everything that a client needs, but s3:DeleteObject. */
const POLICY = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:GetBucketLocation'],
      Resource: [`arn:aws:s3:::${BUCKET}`],
    },
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject'],
      Resource: [`arn:aws:s3:::${BUCKET}/*`],
    },
  ],
};

interface Keys {
  readonly accessKeyID: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Keys for an hour that may do what the policy says, from the server's security token service. */
async function assumeRole(minio: Minio, policy: object): Promise<Keys> {
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    DurationSeconds: '3600',
    Policy: JSON.stringify(policy),
  }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await s3Request(minio, 'POST', '/', { headers, body, service: 'sts' });
  const text = (name: string): string => {
    const value = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(answer.body)?.[1];
    if (value === undefined) throw new Error(`AssumeRole: ${answer.status} ${answer.body}`);
    return value;
  };
  return {
    accessKeyID: text('AccessKeyId'),
    secretAccessKey: text('SecretAccessKey'),
    sessionToken: text('SessionToken'),
  };
}

describe.skipIf(isMinioMissing(binary, 'keys that may only append', 6))(
  'a key that may only append',
  () => {
    const world = new CLIWorld();
    const source = world.path('source');
    const owner = { KOPIA_CONFIG_PATH: world.path('owner.config') };
    let minio: Minio;
    let keys: Keys;

    beforeAll(async () => {
      minio = await startMinio(binary ?? '');
      await minio.createBucket(BUCKET);
      keys = await assumeRole(minio, POLICY);
      mkdirSync(source);
      writeFileSync(world.path('source', 'a'), 'one');
      await world.ok(
        [
          'repository',
          'create',
          's3',
          ...location(minio),
          '--override-username=owner',
          '--override-hostname=server',
        ],
        { env: owner },
      );
      // Whoever maintains is the one with the key.
      await world.ok([
        'repository',
        'connect',
        's3',
        ...location(keys),
        `--session-token=${keys.sessionToken}`,
        '--override-username=client',
        '--override-hostname=laptop',
      ]);
    });

    afterAll(async () => {
      world[Symbol.dispose]();
      await minio?.[Symbol.asyncDispose]();
    });

    function location({
      accessKeyID,
      secretAccessKey,
    }: Pick<Keys, 'accessKeyID' | 'secretAccessKey'>): readonly string[] {
      return [
        `--bucket=${BUCKET}`,
        `--endpoint=${minio.endpoint}`,
        `--access-key=${accessKeyID}`,
        `--secret-access-key=${secretAccessKey}`,
        '--disable-tls',
      ];
    }

    async function names(prefix = ''): Promise<readonly string[]> {
      await using storage = createS3Storage({ ...minio, bucket: BUCKET, disableTLS: true });
      return (await Array.fromAsync(storage.listBlobs(prefix))).map(({ id }) => id).sort();
    }

    it('is really refused deletions by the service', async () => {
      const settings = { ...keys, bucket: BUCKET, endpoint: minio.endpoint, disableTLS: true };
      await using storage = createS3Storage(settings);
      const id = parseBlobID('zprobe');
      await storage.putBlob(id, new Uint8Array(3));
      const denied = expect.objectContaining({ code: 'ACCESS_DENIED' });
      await expect(storage.deleteBlob(id)).rejects.toThrow(denied);
      expect(await storage.getBlob(id)).toHaveLength(3);
      await s3Request(minio, 'DELETE', `/${BUCKET}/zprobe`);
    });

    it('backs up, restores, pins, and deletes snapshots; only markers of its sessions stay', async () => {
      await world.ok(['snapshot', 'create', source]);
      writeFileSync(world.path('source', 'b'), 'two');
      await world.ok(['snapshot', 'create', source]);
      expect((await names('s')).length).toBeGreaterThanOrEqual(2);
      const [first, second] = await world.json<readonly { readonly id: string }[]>([
        'snapshot',
        'list',
      ]);
      await world.ok(['snapshot', 'restore', second!.id, world.path('restored')]);
      expect(await describeTree(world.path('restored'))).toEqual(await describeTree(source));
      await world.ok(['snapshot', 'pin', second!.id, '--add=kept']);
      await world.ok(['snapshot', 'delete', first!.id, '--delete']);
      expect(await world.json<readonly unknown[]>(['snapshot', 'list'])).toHaveLength(1);
      await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
    });

    it('hears in one line, and by an exit code of its own, that maintenance may not delete', async () => {
      await world.ok(['maintenance', 'set', '--owner=me']);
      const before = await names();
      const command = ['maintenance', 'run', '--full', '--safety=none', '--exit-codes=detailed'];
      const refused = await world.run(command);
      expect(refused.code).toBe(22);
      const lines = refused.stderr.split('\n').filter((line) => line.startsWith('longshore: '));
      expect(lines).toEqual([expect.stringMatching(/delete blob .*s3:DeleteObject/)]);
      const after = await names();
      expect(before.filter((id) => !after.includes(id))).toEqual([]);
    });

    it('hears it of every command whose work is to delete', async () => {
      const [pack] = await names('p');
      for (const args of [
        ['blob', 'delete', pack!],
        ['blob', 'gc', '--delete=yes', '--safety=none'],
      ]) {
        const refused = await world.run([
          ...args,
          '--dangerous-commands=enabled',
          '--exit-codes=detailed',
        ]);
        expect(refused).toMatchObject({
          code: 22,
          stderr: expect.stringContaining('s3:DeleteObject'),
        });
      }
      expect(await names('p')).toContain(pack);
    });

    it('has lost nothing: the owner verifies every byte, and then cleans up', async () => {
      const verify = ['snapshot', 'verify', '--verify-files-percent=100'];
      await world.ok(verify, { env: owner });
      await world.ok(['maintenance', 'set', '--owner=me'], { env: owner });
      for (let round = 0; round < 2; round++) {
        await world.ok(['maintenance', 'run', '--full', '--safety=none'], { env: owner });
      }
      expect(await names('s')).toEqual([]);
      await world.ok(verify, { env: owner });
      await world.ok(verify);
    });

    it.skipIf(isKopiaMissing(kopia, 'what such a key wrote, beside Kopia', 1))(
      'writes what Kopia reads and verifies',
      async () => {
        const config = `--config-file=${world.path('kopia.config')}`;
        const env = {
          HOME: world.path('kopia-home'),
          KOPIA_PASSWORD: 'secret',
          KOPIA_CHECK_FOR_UPDATES: 'false',
        };
        await run(kopia!, ['repository', 'connect', 's3', ...location(minio), config], { env });
        const verify = ['snapshot', 'verify', '--verify-files-percent=100', config];
        await run(kopia!, verify, { env });
        // Kopia itself fails with such a key, after its snapshot is there.
        const token = `--session-token=${keys.sessionToken}`;
        await run(kopia!, ['repository', 'connect', 's3', ...location(keys), token, config], {
          env,
        });
        const created = run(kopia!, ['snapshot', 'create', source, config], { env });
        await expect(created).rejects.toThrow('session marker');
        await world.ok(['snapshot', 'verify', '--verify-files-percent=100']);
      },
    );
  },
);
