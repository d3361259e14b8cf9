import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRetryingStorage } from '../../packages/repo/src/blob/retrying.ts';
import { blobStorageContract } from '../../packages/repo/src/blob/storage.contract.ts';
import { parseBlobID } from '../../packages/repo/src/blob/storage.ts';
import type { BlobStorage } from '../../packages/repo/src/blob/storage.ts';
import { createSystemClock, systemSleep } from '../../packages/repo/src/clock.ts';
import { createS3Storage } from '../../packages/repo/src/node/s3-storage.ts';
import type { S3StorageOptions } from '../../packages/repo/src/node/s3-storage.ts';
import { startB2Proxy } from '../b2-proxy.ts';
import type { B2Proxy, ProxyFault } from '../b2-proxy.ts';
import { findMinio, isMinioMissing, startMinio } from '../minio.ts';
import type { Minio } from '../minio.ts';
import { s3Request } from '../s3-request.ts';
import { startTLSFront } from '../tls-front.ts';

const binary = await findMinio();
const contractTests = 3 * blobStorageContract.length;
const bucket = 'longshore';
const lockedBucket = 'locked';
const day = 86_400_000_000_000n;
const id = parseBlobID('pb2a581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147');
const data = Uint8Array.from({ length: 1_500_000 }, (_, i) => i * 13);

async function ids(storage: BlobStorage, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const blob of storage.listBlobs(prefix)) found.push(blob.id);
  return found;
}

describe.skipIf(isMinioMissing(binary, 'S3 storage', contractTests + 30))('S3 storage', () => {
  let minio: Minio;
  let proxy: B2Proxy;
  let folder = 0;

  beforeAll(async () => {
    minio = await startMinio(binary ?? '');
    await minio.createBucket(bucket);
    await minio.createBucket(lockedBucket, { objectLock: true });
    proxy = await startB2Proxy({ target: minio.endpoint });
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await minio?.[Symbol.asyncDispose]();
  });

  /** Sees nothing of what other tests wrote. */
  function create(options: Partial<S3StorageOptions> = {}): BlobStorage {
    const { endpoint, accessKeyID, secretAccessKey } = minio;
    return createS3Storage({
      bucket,
      endpoint,
      accessKeyID,
      secretAccessKey,
      disableTLS: true,
      prefix: `test-${folder++}/`,
      conditionalPuts: true,
      ...options,
    });
  }

  describe.each([
    ['on MinIO', () => ({})],
    ['on a bucket with object lock', () => ({ bucket: lockedBucket })],
    ['through a proxy that refuses what B2 refuses', () => ({ endpoint: proxy.endpoint })],
  ])('%s', (_name, options) => {
    it.each(blobStorageContract)('$name', async ({ run }) => {
      await using storage = create(options());
      await expect(run({ storage, manyBlobs: 1100 })).resolves.toBeUndefined();
      expect(proxy.refusals).toEqual([]);
    });
  });

  describe('what is sent', () => {
    it('is one plain PutObject with Content-MD5 and the type that Kopia uses', async () => {
      await using storage = create({ endpoint: proxy.endpoint });
      const seen = proxy.requests.length;
      await storage.putBlob(id, [data.subarray(0, 5), data.subarray(5)]);
      const puts = proxy.requests.slice(seen).filter(({ method }) => method === 'PUT');
      expect(puts).toHaveLength(1);
      expect(puts[0]?.headers).toMatchObject({
        'content-md5': expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/) as string,
        'content-type': 'application/x-kopia',
        'content-length': String(data.length),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      });
      expect(puts[0]?.headers['authorization']).toMatch(/SignedHeaders=[^,]*content-md5/);
      expect(puts[0]?.headers).not.toHaveProperty('expect');
    });

    it('keeps its connections', async () => {
      await using storage = create({ maxConnections: 2 });
      await Promise.all(Array.from({ length: 12 }, () => storage.putBlob(id, data)));
      expect(await storage.getBlob(id)).toEqual(data);
    });

    it('carries locks, and extends them without newer checksums', async () => {
      const storage = create({ endpoint: proxy.endpoint, bucket: lockedBucket, prefix: 'lock/' });
      const before = Date.now();
      await storage.putBlob(id, data, {
        retention: { mode: 'GOVERNANCE', periodNanoseconds: day },
      });
      const head = async (): Promise<{ mode: unknown; days: number }> => {
        const { headers } = await s3Request(minio, 'HEAD', `/${lockedBucket}/lock/${id}`);
        const until = Date.parse(String(headers['x-amz-object-lock-retain-until-date']));
        return {
          mode: headers['x-amz-object-lock-mode'],
          days: Math.round(((until - before) / 86_400_000) * 100) / 100,
        };
      };
      expect(await head()).toEqual({ mode: 'GOVERNANCE', days: 1 });
      const longer = { mode: 'GOVERNANCE', periodNanoseconds: 3n * day } as const;
      await storage.extendRetention?.(id, longer);
      expect(await head()).toEqual({ mode: 'GOVERNANCE', days: 3 });
      await storage.deleteBlob(id);
      await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
      await expect(
        storage.extendRetention?.(parseBlobID('pmissing'), longer),
      ).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
      expect(proxy.refusals).toEqual([]);
      await storage[Symbol.asyncDispose]();
    });

    it('asks for no lock on a bucket without one', async () => {
      await using storage = create();
      const retention = { mode: 'COMPLIANCE', periodNanoseconds: day } as const;
      await expect(storage.putBlob(id, data, { retention })).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('has no object lock') as string,
      });
      await expect(
        storage.putBlob(id, data, { retention: { ...retention, mode: 'Locked' } }),
      ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    });

    it('puts only if absent where told that the service can', async () => {
      await using storage = create({ conditionalPuts: false });
      await expect(storage.putBlob(id, data, { ifAbsent: true })).rejects.toMatchObject({
        code: 'UNSUPPORTED',
      });
      expect(await ids(storage)).toEqual([]);
    });
  });

  async function configure(prefix: string, body: string): Promise<void> {
    const path = `/${bucket}/${prefix}.storageconfig`;
    expect((await s3Request(minio, 'PUT', path, { body })).status).toBe(200);
  }

  async function storageClassOf(path: string): Promise<unknown> {
    const { headers } = await s3Request(minio, 'HEAD', `/${bucket}/${path}`);
    return headers['x-amz-storage-class'];
  }

  describe('.storageconfig', () => {
    it('chooses the storage class by prefix and is no blob', async () => {
      await configure(
        'classes/',
        '{"blobOptions":[{"prefix":"p","storageClass":"REDUCED_REDUNDANCY"},{"prefix":"","storageClass":""}]}',
      );
      await using storage = create({ prefix: 'classes/' });
      await storage.putBlob(id, data);
      await storage.putBlob(parseBlobID('q1'), data);
      expect(await storageClassOf(`classes/${id}`)).toBe('REDUCED_REDUNDANCY');
      expect(await storageClassOf('classes/q1')).toBeUndefined();
      expect(await ids(storage)).toEqual([id, 'q1']);
      const hidden = parseBlobID('.storageconfig');
      await expect(storage.putBlob(hidden, data)).rejects.toThrow(/reserved/);
      await expect(storage.deleteBlob(hidden)).rejects.toThrow(/reserved/);
    });

    it('stops puts if it is larger than any real one', async () => {
      await configure('huge/', ' '.repeat(1_048_577));
      await using storage = create({ prefix: 'huge/' });
      await expect(storage.putBlob(id, data)).rejects.toThrow(/length 1048577 is not between/);
    });

    it('stops puts, not reads, if it is malformed', async () => {
      await configure('broken/', '{"blobOptions":{}}');
      await using storage = create({ prefix: 'broken/' });
      await expect(storage.putBlob(id, data)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
      expect(await ids(storage)).toEqual([]);
    });
  });

  it('lists only what lies directly under its prefix and is a blob', async () => {
    for (const key of ['walk/p1', 'walk/sub/p2', 'walk/two%20words', 'walkie/p3', 'walk/%C3%BC']) {
      expect((await s3Request(minio, 'PUT', `/${bucket}/${key}`, { body: 'x' })).status).toBe(200);
    }
    expect(await ids(create({ prefix: 'walk/' }))).toEqual(['p1']);
    expect(await ids(create({ prefix: 'walk' }))).toEqual([]);
    expect(await ids(create({ prefix: 'walkie/' }), 'p')).toEqual(['p3']);
  });

  it('gives the times of the store, to the second or better', async () => {
    await using storage = create();
    await storage.putBlob(id, data);
    const { timestamp } = await storage.getMetadata(id);
    const { headers } = await s3Request(minio, 'HEAD', `/${bucket}/test-${folder - 1}/${id}`);
    expect(timestamp).toBe(BigInt(Date.parse(String(headers['last-modified']))) * 1_000_000n);
    for await (const blob of storage.listBlobs('')) {
      expect(blob.timestamp - timestamp).toBeLessThan(1_000_000_000n);
      expect(blob.timestamp).toBeGreaterThanOrEqual(timestamp);
    }
  });

  describe('failures', () => {
    const cases: readonly (readonly [string, string, string, ProxyFault, object])[] = [
      [
        '503 SlowDown',
        'GET',
        'get',
        { kind: 'answer', status: 503, code: 'SlowDown' },
        { code: 'STORAGE_THROTTLED', retryable: true },
      ],
      [
        '429',
        'GET',
        'get',
        { kind: 'answer', status: 429, code: 'TooManyRequests' },
        { code: 'STORAGE_THROTTLED', retryable: true },
      ],
      [
        '500',
        'PUT',
        'put',
        { kind: 'answer', status: 500, code: 'InternalError' },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        '503 before the body was read',
        'PUT',
        'put',
        { kind: 'early-answer', status: 503, code: 'SlowDown' },
        { code: 'STORAGE_THROTTLED', retryable: true },
      ],
      [
        'a cut upload',
        'PUT',
        'put',
        { kind: 'cut-request', afterBytes: 300_000 },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        'a lost answer',
        'PUT',
        'put',
        { kind: 'cut-response', afterBytes: 0 },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        'a cut download',
        'GET',
        'get',
        { kind: 'cut-response', afterBytes: 700_000 },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        'a stalled download',
        'GET',
        'get',
        { kind: 'stall-response', afterBytes: 700_000 },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        'a cut listing',
        'GET',
        'list',
        { kind: 'cut-response', afterBytes: 100 },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        'a mangled upload',
        'PUT',
        'put',
        { kind: 'answer', status: 400, code: 'BadDigest' },
        { code: 'STORAGE_FAILED', retryable: true },
      ],
      [
        '403 without a reason',
        'HEAD',
        'metadata',
        { kind: 'answer', status: 403, code: '' },
        { code: 'ACCESS_DENIED', retryable: false },
      ],
      [
        'a length that cannot be',
        'GET',
        'get',
        { kind: 'change-response', headers: { 'content-length': '99999999999999' } },
        { code: 'CORRUPT_DATA', retryable: false },
      ],
      [
        'a range that is ignored',
        'GET',
        'range',
        { kind: 'change-response', status: 200, headers: { 'content-range': undefined } },
        { code: 'STORAGE_FAILED', retryable: false },
      ],
    ];

    it.each(cases)(
      '%s on %s is what the caller of %s hears, and the next attempt works',
      async (_name, method, action, fault, expected) => {
        await using storage = create({ endpoint: proxy.endpoint, idleTimeoutMilliseconds: 500 });
        await storage.putBlob(id, data);
        const act = async (): Promise<unknown> => {
          switch (action) {
            case 'get':
              return storage.getBlob(id);
            case 'range':
              return storage.getBlob(id, { range: { offset: 10, length: 20 } });
            case 'put':
              return storage.putBlob(id, data);
            case 'list':
              return ids(storage);
            default:
              return storage.getMetadata(id);
          }
        };
        proxy.addRule({ method, fault });
        await expect(act()).rejects.toMatchObject(expected);
        expect(proxy.pendingRules()).toEqual([]);
        await act();
        expect(await storage.getBlob(id)).toEqual(data);
      },
    );

    it('go away under a retrying storage', async () => {
      const options = { clock: createSystemClock(), sleep: systemSleep, random: Math.random };
      await using storage = createRetryingStorage(create({ endpoint: proxy.endpoint }), {
        ...options,
        policy: { initialDelayMilliseconds: 1 },
      });
      for (const fault of [
        { kind: 'cut-request', afterBytes: 400_000 },
        { kind: 'early-answer', status: 503, code: 'SlowDown' },
        { kind: 'cut-response', afterBytes: 0 },
      ] as const) {
        proxy.addRule({ method: 'PUT', fault });
      }
      await storage.putBlob(id, data);
      proxy.addRule({ method: 'GET', times: 3, fault: { kind: 'cut-response', afterBytes: 9 } });
      expect(await storage.getBlob(id)).toEqual(data);
      proxy.addRule({ method: 'PUT', fault: { kind: 'cut-response', afterBytes: 0 } });
      const lock = parseBlobID('xlock');
      await storage.putBlob(lock, data, { ifAbsent: true });
      expect(proxy.pendingRules()).toEqual([]);
    });

    it('of the account say what to look at, without the secret', async () => {
      const secret = { accessKeyID: 'AKIDEXAMPLE', secretAccessKey: 'a-very-secret-secret' };
      const wrongKey = create(secret);
      const wrongSecret = create({ secretAccessKey: secret.secretAccessKey });
      const wrongBucket = create({ bucket: 'no-such-bucket' });
      const errors = await Promise.all(
        [wrongKey, wrongSecret, wrongBucket].map((storage) =>
          storage.getBlob(id).catch((error: unknown) => error),
        ),
      );
      expect(errors.map((error) => String(Reflect.get(Object(error), 'code')))).toEqual([
        'ACCESS_DENIED',
        'ACCESS_DENIED',
        'STORAGE_FAILED',
      ]);
      expect(errors.map((error) => (error as Error).message)).toEqual([
        `cannot read blob ${id}: ${minio.endpoint} does not know the access key (InvalidAccessKeyId)`,
        `cannot read blob ${id}: ${minio.endpoint} refuses the signature: the secret access key or the region is wrong`,
        `cannot read blob ${id}: there is no bucket no-such-bucket on ${minio.endpoint}`,
      ]);
      const { inspect } = await import('node:util');
      const everything = inspect(errors, { depth: 20, showHidden: true });
      expect(everything).not.toMatch(/secret-secret|AKIDEXAMPLE|Signature=/);
      expect(errors.every((error) => Reflect.get(Object(error), 'retryable') === false)).toBe(true);
    });

    it('of the network are retryable, and a dead server is named', async () => {
      const storage = create({ endpoint: '127.0.0.1:1' });
      await expect(storage.getBlob(id)).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        retryable: true,
        message: `cannot read blob ${id}: the connection to 127.0.0.1:1 failed: ECONNREFUSED`,
      });
      await expect(create({ disableTLS: false }).getBlob(id)).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        retryable: false,
        message: expect.stringContaining('does not speak TLS') as string,
      });
    });

    it('of a clock that is wrong name both times', async () => {
      await using storage = create({ endpoint: proxy.endpoint });
      proxy.addRule({
        method: 'GET',
        fault: { kind: 'answer', status: 403, code: 'RequestTimeTooSkewed' },
      });
      await expect(storage.getBlob(id)).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        retryable: true,
        message: expect.stringMatching(
          /the clocks disagree: here it is .+ GMT, on .+ it is .+ GMT/,
        ) as string,
      });
    });

    it('end at once when the signal fires in the middle of a transfer', async () => {
      await using slow = await startB2Proxy({ target: minio.endpoint, bytesPerSecond: 500_000 });
      await using storage = create({ endpoint: slow.endpoint });
      const reason = new Error('enough');
      for (const start of [
        (signal: AbortSignal) => storage.putBlob(id, data, { signal }),
        (signal: AbortSignal) => storage.getBlob(id, { signal }),
      ]) {
        const controller = new AbortController();
        const startedAt = performance.now();
        const transfer = start(controller.signal);
        setTimeout(() => controller.abort(reason), 300);
        await expect(transfer).rejects.toBe(reason);
        expect(performance.now() - startedAt).toBeLessThan(2000);
        await create({ prefix: `test-${folder - 1}/` }).putBlob(id, data);
      }
    });
  });

  it('speaks TLS with the authority it was given, and only with that', async () => {
    await using front = await startTLSFront(minio.endpoint);
    if (!front) return;
    const { endpoint, rootCA } = front;
    await using trusting = create({ endpoint, rootCA, disableTLS: false });
    await trusting.putBlob(id, [data.subarray(0, 700_000), data.subarray(700_000)]);
    expect(await trusting.getBlob(id)).toEqual(data);
    await using careless = create({ endpoint, disableTLS: false, disableTLSVerification: true });
    await careless.putBlob(id, data);
    await using careful = create({ endpoint, disableTLS: false });
    await expect(careful.getBlob(id)).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      retryable: false,
      message: expect.stringContaining('is not trusted (rootCA adds an authority)') as string,
    });
  });

  it('works on after the server was away', async () => {
    await using storage = create();
    await storage.putBlob(id, data);
    await minio.stop();
    await expect(storage.getBlob(id)).rejects.toMatchObject({ retryable: true });
    await minio.start();
    expect(await storage.getBlob(id)).toEqual(data);
  });
});

describe.skipIf(isMinioMissing(binary, 'S3 regions', 1))('S3 storage in another region', () => {
  it('finds the region of its bucket by itself, with several requests at once', async () => {
    await using minio = await startMinio(binary ?? '', { MINIO_SITE_REGION: 'eu-test-7' });
    await minio.createBucket(bucket);
    const { endpoint, accessKeyID, secretAccessKey } = minio;
    const options = { bucket, endpoint, accessKeyID, secretAccessKey, disableTLS: true };
    await using storage = createS3Storage(options);
    await storage.putBlob(id, data);
    expect(await storage.getBlob(id)).toEqual(data);
    await using another = createS3Storage(options);
    const read = await Promise.all([id, id, id, id].map((each) => another.getBlob(each)));
    expect(read).toEqual([data, data, data, data]);
  });
});
