import { bytesParts, concatBytes, encodeUtf8, equalBytes } from '../bytes.ts';
import type { Bytes } from '../bytes.ts';
import { describeError, errorCode } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { parseBlobID } from './storage.ts';
import type { BlobID, BlobMetadata, BlobStorage } from './storage.ts';

export interface BlobStorageContractContext {
  /** Empty when a case starts; each case gets its own. */
  readonly storage: BlobStorage;
  /** How many blobs the paging case writes: more than one page of the storage under test. Default 60. */
  readonly manyBlobs?: number;
}

export interface BlobStorageContractCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** Rejects if the storage breaks the promise. */
  readonly run: (context: BlobStorageContractContext) => Promise<void>;
}

/**
 * What `BlobStorage` promises, as cases for any test runner:
 * `for (const { name, run } of blobStorageContract) it(name, () => run({ storage }))`.
 */
export const blobStorageContract: readonly BlobStorageContractCase[] = [
  {
    name: 'reads back what was put and reports its length and time',
    async run({ storage }) {
      const id = blobID('pd3adbeef');
      const data = pattern(100_000);
      await storage.putBlob(id, data);
      await expectBlob(storage, id, data);
      const metadata = await storage.getMetadata(id);
      expectEqual(metadata.id, id, 'ID of the metadata');
      expectEqual(metadata.length, data.length, 'length of the metadata');
      expectEqual(typeof metadata.timestamp, 'bigint', 'type of the timestamp');
    },
  },
  {
    name: 'keeps an empty blob',
    async run({ storage }) {
      const id = blobID('xw1795406967');
      await storage.putBlob(id, new Uint8Array(0));
      await expectBlob(storage, id, new Uint8Array(0));
      await storage.putBlob(id, []);
      expectEqual((await storage.getMetadata(id)).length, 0, 'length');
      expectEqual(
        (await storage.getBlob(id, { range: { offset: 0, length: 0 } })).length,
        0,
        'empty range',
      );
    },
  },
  {
    name: 'writes gathered pieces as one blob',
    async run({ storage }) {
      const id = blobID('pgathered');
      const whole = pattern(700_001);
      const pieces = [
        whole.subarray(0, 1),
        whole.subarray(1, 1),
        whole.subarray(1, 300_000),
        whole.subarray(300_000),
      ];
      await storage.putBlob(id, pieces);
      await expectBlob(storage, id, whole);
    },
  },
  {
    name: 'writes pieces that lie in shared memory',
    async run({ storage }) {
      const id = blobID('pshared');
      const shared = new Uint8Array(new SharedArrayBuffer(500_000), 7, 400_000);
      shared.set(pattern(shared.length));
      await storage.putBlob(id, [shared.subarray(0, 5), encodeUtf8('-own-'), shared.subarray(5)]);
      await expectBlob(storage, id, [
        pattern(5),
        encodeUtf8('-own-'),
        pattern(shared.length).subarray(5),
      ]);
      await storage.putBlob(id, shared);
      await expectBlob(storage, id, pattern(shared.length));
    },
  },
  {
    name: 'no longer needs the data once the put has resolved',
    async run({ storage }) {
      const id = blobID('pborrowed');
      const data = pattern(300_000);
      await storage.putBlob(id, data);
      data.fill(0);
      await expectBlob(storage, id, pattern(300_000));
    },
  },
  {
    name: 'gives each reader its own bytes',
    async run({ storage }) {
      const id = blobID('powned');
      await storage.putBlob(id, pattern(1000));
      (await storage.getBlob(id)).fill(0);
      (await storage.getBlob(id, { range: { offset: 1, length: 10 } })).fill(0);
      await expectBlob(storage, id, pattern(1000));
    },
  },
  {
    name: 'reads exactly the range asked for',
    async run({ storage }) {
      const id = blobID('pranges');
      const data = pattern(10_000);
      await storage.putBlob(id, data);
      for (const [offset, length] of [
        [0, 1],
        [0, 10_000],
        [9_999, 1],
        [1_234, 4_321],
        [5_000, 0],
        [10_000, 0],
      ] as const) {
        const bytes = await storage.getBlob(id, { range: { offset, length } });
        expectBytes(bytes, data.subarray(offset, offset + length), `range ${offset}+${length}`);
      }
    },
  },
  {
    name: 'puts bytes at the start of the room it is given, or nowhere in it',
    async run({ storage }) {
      const id = blobID('proom');
      const data = pattern(10_000);
      await storage.putBlob(id, data);
      const range = { offset: 1_234, length: 4_321 };
      const expected = data.subarray(range.offset, range.offset + range.length);
      for (const [size, start] of [
        [5_000, 3],
        [4_321, 0],
        [4_320, 0],
        [0, 0],
      ] as const) {
        const room = new Uint8Array(new SharedArrayBuffer(size + start + 7)).fill(9);
        const into = room.subarray(start, start + size);
        const bytes = await storage.getBlob(id, { range, into });
        expectBytes(bytes, expected, `range into ${size} bytes`);
        const used = bytes.buffer === room.buffer;
        expectTrue(!used || bytes.byteOffset === start, 'the bytes are at the start of the room');
        const rest = used ? room.subarray(start + bytes.length) : room;
        expectTrue(
          rest.every((byte) => byte === 9),
          'nothing else was written to the room',
        );
      }
    },
  },
  {
    name: 'fails on a range that reaches past the end, however far',
    async run({ storage }) {
      const id = blobID('pshort');
      await storage.putBlob(id, pattern(100));
      for (const [offset, length] of [
        [0, 101],
        [99, 2],
        [100, 1],
        [101, 0],
        [1_000, 10],
      ] as const) {
        await expectCode(
          storage.getBlob(id, { range: { offset, length } }),
          'CORRUPT_DATA',
          `range ${offset}+${length}`,
        );
      }
      await storage.putBlob(id, []);
      await expectCode(
        storage.getBlob(id, { range: { offset: 0, length: 1 } }),
        'CORRUPT_DATA',
        'range in an empty blob',
      );
    },
  },
  {
    name: 'refuses a range that is none',
    async run({ storage }) {
      const id = blobID('pnone');
      await storage.putBlob(id, pattern(100));
      for (const [offset, length] of [
        [-1, 10],
        [0, -1],
        [0.5, 1],
        [0, Number.NaN],
        [Number.MAX_SAFE_INTEGER, 1],
      ] as const) {
        await expectCode(
          storage.getBlob(id, { range: { offset, length } }),
          'INVALID_ARGUMENT',
          `range ${offset}+${length}`,
        );
      }
    },
  },
  {
    name: 'says that a blob is missing, for reads of every kind',
    async run({ storage }) {
      const id = blobID('pmissing00112233445566778899aabb');
      await expectCode(storage.getBlob(id), 'BLOB_NOT_FOUND', 'get');
      await expectCode(storage.getMetadata(id), 'BLOB_NOT_FOUND', 'metadata');
      for (const length of [0, 5]) {
        await expectCode(
          storage.getBlob(id, { range: { offset: 0, length } }),
          'BLOB_NOT_FOUND',
          `range of ${length}`,
        );
      }
    },
  },
  {
    name: 'replaces a blob as a whole',
    async run({ storage }) {
      const id = blobID('kopia.repository');
      await storage.putBlob(id, pattern(5_000));
      const first = await storage.getMetadata(id);
      await storage.putBlob(id, encodeUtf8('shorter'));
      const second = await storage.getMetadata(id);
      await expectBlob(storage, id, encodeUtf8('shorter'));
      expectEqual((await storage.getMetadata(id)).length, 7, 'length');
      expectTrue(second.timestamp >= first.timestamp, 'the timestamp does not go back');
      expectEqual((await listed(storage, 'kopia.')).length, 1, 'number of listed blobs');
    },
  },
  {
    name: 'deletes, and deletes again without complaint',
    async run({ storage }) {
      const id = blobID('qdeleted00112233445566778899aabb');
      await storage.putBlob(id, pattern(10));
      await storage.deleteBlob(id);
      await expectCode(storage.getBlob(id), 'BLOB_NOT_FOUND', 'get after delete');
      expectEqual((await listed(storage, '')).length, 0, 'number of listed blobs');
      await storage.deleteBlob(id);
      await storage.deleteBlob(blobID('qnever'));
      await storage.putBlob(id, pattern(20));
      await expectBlob(storage, id, pattern(20));
    },
  },
  {
    name: 'lists by prefix, each blob once with length and time',
    async run({ storage }) {
      const names = ['p0', 'p01', 'p1', 'q0', 'xn0_a', 'xn0_b', 'xn1_a', 'kopia.repository', LONG];
      const put = new Map<string, BlobMetadata>();
      for (const [size, name] of names.entries()) {
        await storage.putBlob(blobID(name), pattern(size));
        put.set(name, await storage.getMetadata(blobID(name)));
      }
      for (const prefix of ['', 'p', 'p0', 'xn0_', 'kopia.repository', LONG, 'none', `${LONG}x`]) {
        const found = await listed(storage, prefix);
        const expected = names.filter((name) => name.startsWith(prefix));
        expectEqual(
          found.map((blob) => blob.id).join(' '),
          [...expected].sort().join(' '),
          `listing of ${JSON.stringify(prefix)}`,
        );
        for (const blob of found) {
          expectEqual(blob.length, put.get(blob.id)?.length, `listed length of ${blob.id}`);
          expectTrue(
            closeTo(blob.timestamp, put.get(blob.id)?.timestamp),
            `listed time of ${blob.id}`,
          );
        }
      }
    },
  },
  {
    name: 'lists more blobs than fit in one page',
    async run({ storage, manyBlobs = 60 }) {
      const names = Array.from({ length: manyBlobs }, (_, i) => `n${hexName(i)}-s1`);
      await inBatches(names, 16, (name) =>
        storage.putBlob(blobID(name), encodeUtf8(name)).then(() => undefined),
      );
      await storage.putBlob(blobID('other'), pattern(3));
      const found = await listed(storage, 'n');
      expectEqual(
        found.map((blob) => blob.id).join(' '),
        [...names].sort().join(' '),
        'listing of all pages',
      );
    },
  },
  {
    name: 'stops listing when the reader has seen enough',
    async run({ storage }) {
      for (let i = 0; i < 5; i++) await storage.putBlob(blobID(`n${i}`), pattern(i));
      let seen = 0;
      for await (const blob of storage.listBlobs('n')) {
        expectTrue(blob.id.startsWith('n'), 'prefix of a listed blob');
        seen++;
        if (seen === 2) break;
      }
      expectEqual(seen, 2, 'number of blobs seen');
      await expectBlob(storage, blobID('n4'), pattern(4));
    },
  },
  {
    name: 'keeps names apart that differ in length or by an odd character',
    async run({ storage }) {
      for (const name of ODD_NAMES) await storage.putBlob(blobID(name), encodeUtf8(name));
      for (const name of ODD_NAMES) await expectBlob(storage, blobID(name), encodeUtf8(name));
      const found = await listed(storage, '');
      expectEqual(
        found.map((blob) => blob.id).join(' '),
        [...ODD_NAMES].sort().join(' '),
        'listing of odd names',
      );
      for (const name of ODD_NAMES) await storage.deleteBlob(blobID(name));
      expectEqual((await listed(storage, '')).length, 0, 'number of blobs left');
    },
  },
  {
    name: 'leaves one whole blob when the same ID is put at the same time',
    async run({ storage }) {
      const id = blobID('kopia.maintenance');
      const candidates = Array.from({ length: 6 }, (_, i) =>
        new Uint8Array(200_000 + i).fill(i + 1),
      );
      await Promise.all(candidates.map((candidate) => storage.putBlob(id, candidate)));
      const winner = await storage.getBlob(id);
      expectTrue(
        candidates.some((candidate) => equalBytes(candidate, winner)),
        'the blob is one of those that were put',
      );
      expectEqual((await listed(storage, '')).length, 1, 'number of listed blobs');
    },
  },
  {
    name: 'never shows a part of a blob while it is replaced',
    async run({ storage }) {
      const id = blobID('kopia.blobcfg');
      await storage.putBlob(id, new Uint8Array(300_000).fill(1));
      const writes = (async () => {
        for (let i = 2; i < 8; i++) await storage.putBlob(id, new Uint8Array(300_000 * i).fill(i));
      })();
      try {
        for (let i = 0; i < 12; i++) {
          const seen = await storage.getBlob(id);
          const value = seen[0] ?? 0;
          expectTrue(
            seen.length === 300_000 * value && seen.every((byte) => byte === value),
            'a reader saw one whole version',
          );
        }
      } finally {
        await writes;
      }
    },
  },
  {
    name: 'does nothing when the signal has fired before, and passes its reason on',
    async run({ storage }) {
      const id = blobID('paborted');
      const reason = new Error('stopped by the contract');
      const signal = AbortSignal.abort(reason);
      await storage.putBlob(blobID('pthere'), pattern(9));
      await expectThrown(storage.putBlob(id, pattern(9), { signal }), reason, 'put');
      await expectThrown(storage.deleteBlob(blobID('pthere'), { signal }), reason, 'delete');
      await expectThrown(storage.getBlob(blobID('pthere'), { signal }), reason, 'get');
      await expectThrown(storage.getMetadata(blobID('pthere'), { signal }), reason, 'metadata');
      await expectThrown(collect(storage.listBlobs('p', { signal })), reason, 'list');
      const found = await listed(storage, '');
      expectEqual(found.map((blob) => blob.id).join(' '), 'pthere', 'blobs that are there');
    },
  },
  {
    name: 'stops a listing whose signal fires on the way',
    async run({ storage }) {
      for (let i = 0; i < 4; i++) await storage.putBlob(blobID(`n${i}`), pattern(i));
      const controller = new AbortController();
      const reason = new Error('stopped on the way');
      const walk = (async () => {
        for await (const blob of storage.listBlobs('n', { signal: controller.signal })) {
          expectTrue(!controller.signal.aborted, `${blob.id} is not listed after the signal`);
          controller.abort(reason);
        }
      })();
      await expectThrown(walk, reason, 'list');
    },
  },
  {
    name: 'leaves the old blob or the new one when a put is stopped on the way',
    async run({ storage }) {
      const id = blobID('pstopped');
      const old = pattern(1000);
      const replacement = new Uint8Array(8_000_000).fill(7);
      await storage.putBlob(id, old);
      const controller = new AbortController();
      const reason = new Error('put stopped');
      const put = storage.putBlob(id, replacement, { signal: controller.signal });
      controller.abort(reason);
      const thrown = await failure(put);
      const left = await storage.getBlob(id);
      if (thrown === undefined) expectBytes(left, replacement, 'blob after a finished put');
      else {
        expectTrue(thrown === reason, 'a stopped put throws the reason of the signal');
        expectTrue(equalBytes(left, old) || equalBytes(left, replacement), 'the blob is whole');
      }
      expectEqual((await listed(storage, '')).length, 1, 'number of listed blobs');
    },
  },
  {
    name: 'puts only if absent, and lets exactly one of many win',
    async run({ storage }) {
      const id = blobID('xlock00112233445566778899aabbccdd');
      if (!storage.capabilities.putIfAbsent) {
        await expectCode(
          storage.putBlob(id, pattern(1), { ifAbsent: true }),
          'UNSUPPORTED',
          'put if absent',
        );
        await expectCode(storage.getBlob(id), 'BLOB_NOT_FOUND', 'get after a refused put');
        return;
      }
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, (_, i) =>
          storage.putBlob(id, new Uint8Array(1000).fill(i), { ifAbsent: true }),
        ),
      );
      const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []));
      expectEqual(winners.length, 1, 'number of winners');
      await expectBlob(storage, id, new Uint8Array(1000).fill(winners[0] ?? 255));
      await expectCode(
        storage.putBlob(id, pattern(1), { ifAbsent: true }),
        'ALREADY_EXISTS',
        'put if absent of a blob that is there',
      );
      expectEqual((await listed(storage, '')).length, 1, 'number of listed blobs');
    },
  },
  {
    name: 'gives a blob the time that it is told, never an earlier one, or refuses to',
    async run({ storage }) {
      const id = blobID('ptimed');
      const put = (timestamp: bigint): Promise<void> =>
        storage.putBlob(id, pattern(1), { timestamp });
      if (storage.capabilities.putTimes !== true) {
        await expectCode(put(1n), 'UNSUPPORTED', 'put with a time');
        await expectCode(storage.getBlob(id), 'BLOB_NOT_FOUND', 'get after a refused put');
        return;
      }
      for (const end of [0n, 1n, 499_999_999n, 999_999_001n, 999_999_999n]) {
        const timestamp = 1_600_000_000_000_000_000n + end;
        await put(timestamp);
        const stored = await storage.getMetadata(id);
        const later = stored.timestamp - timestamp;
        expectTrue(later >= 0n && later <= 2000n, `${later} ns later than asked for`);
      }
    },
  },
  {
    name: 'refuses an object lock that it cannot keep',
    async run({ storage }) {
      if (storage.capabilities.objectLock) return;
      const id = blobID('plocked');
      const retention = { mode: 'GOVERNANCE', periodNanoseconds: 86_400_000_000_000n } as const;
      await expectCode(storage.putBlob(id, pattern(1), { retention }), 'UNSUPPORTED', 'put');
      await expectCode(storage.getBlob(id), 'BLOB_NOT_FOUND', 'get after a refused put');
    },
  },
];

const LONG = `p${'0123456789abcdef'.repeat(2)}-s0123456789abcdef01`;

/** Upper and lower case are left out: a case-folding file system is a valid place for a repository. */
const ODD_NAMES: readonly string[] = [
  'a',
  'a.f',
  'a.f.f',
  '.hidden',
  '~tilde',
  'percent%20and+plus',
  'quote"and\'s',
  'amp&lt;<>',
  'hash#and?question',
  'colon:semi;comma,',
  'brackets[]{}()$!*@^`|=',
  '_log_20240102030405_abcd_1704164645_1704164700_1_0123456789abcdef0123456789abcdef',
  `n${'e'.repeat(200)}`,
];

function blobID(name: string): BlobID {
  return parseBlobID(name);
}

/** Bytes in which each offset is recognisable. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + (i >>> 16)) & 0xff;
  return bytes;
}

/** Spread over the alphabet, so that a sharding storage gets many folders. */
function hexName(i: number): string {
  return Math.imul(i + 1, 0x9e3779b1)
    .toString(16)
    .replace('-', 'f')
    .padStart(8, '0')
    .repeat(4);
}

/** Listings may carry finer times than a single look-up: S3 gives whole seconds there. */
function closeTo(a: bigint, b: bigint | undefined): boolean {
  if (b === undefined) return false;
  const difference = a - b;
  return difference > -1_500_000_000n && difference < 1_500_000_000n;
}

async function collect(blobs: AsyncIterable<BlobMetadata>): Promise<BlobMetadata[]> {
  const found: BlobMetadata[] = [];
  for await (const blob of blobs) found.push(blob);
  return found;
}

async function listed(storage: BlobStorage, prefix: string): Promise<BlobMetadata[]> {
  const found = await collect(storage.listBlobs(prefix));
  return found.sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
}

async function inBatches<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < items.length; i += size) {
    await Promise.all(items.slice(i, i + size).map(work));
  }
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

async function expectCode(promise: Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
  const error = await failure(promise);
  if (error === undefined) throw new Error(`${what}: succeeded instead of failing with ${code}`);
  if (errorCode(error) !== code) {
    throw new Error(`${what}: failed with ${describeError(error)} instead of ${code}`, {
      cause: error,
    });
  }
}

async function expectThrown(
  promise: Promise<unknown>,
  reason: unknown,
  what: string,
): Promise<void> {
  const error = await failure(promise);
  expectTrue(
    error === reason,
    `${what} throws the reason of the signal, not ${describeError(error)}`,
  );
}

async function expectBlob(storage: BlobStorage, id: BlobID, expected: Bytes): Promise<void> {
  expectBytes(await storage.getBlob(id), concatBytes(bytesParts(expected)), `blob ${id}`);
}

function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!equalBytes(actual, expected)) {
    throw new Error(`${what}: ${actual.length} bytes differ from the ${expected.length} expected`);
  }
}

function expectEqual<T extends string | number | bigint | undefined>(
  actual: T,
  expected: T,
  what: string,
): void {
  if (actual !== expected) {
    throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
  }
}

function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new Error(`broken promise: ${what}`);
}
