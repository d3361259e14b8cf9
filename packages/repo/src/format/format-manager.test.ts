import { beforeAll, describe, expect, it } from 'vitest';
import { createFaultyStorage, type ScriptedFault } from '../blob/faulty-storage.ts';
import { createManualTime, type ManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { parseBlobID, type BlobStorage } from '../blob/storage.ts';
import { concatBytes, decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { webRandomSource } from '../clock.ts';
import { BLOBCFG_BLOB_ID } from './blobcfg-blob.ts';
import { changePassword, setParameters, type ParameterChanges } from './change-format.ts';
import { createFormat, type CreateFormatOptions } from './create-format.ts';
import { DEFAULT_EPOCH_PARAMETERS, validateEpochParameters } from './epoch-parameters.ts';
import { FORMAT_BLOB_ID } from './format-blob.ts';
import { openFormat, type FormatManager } from './format-manager.ts';
import { sealFormatState } from './format-state.ts';
import { recoverFormatBlob } from './recover-format.ts';
import { changeFormatMembers, encodeStoredFormat } from './stored-format.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import type { UpgradeLock } from './upgrade-lock.ts';

const native = nativeAlgorithms();

const MINUTE = 60_000_000_000n;
const DAY = 1440n * MINUTE;
const MIB = 1024 * 1024;
const password = 'correct horse ü';

/** The slow key derivation counted, and replaced by a quick one: what it computes is tested with vectors. */
let derivations = 0;
const algorithms = {
  ...native,
  deriveFormatKey: (_name: string, text: string, uniqueID: Uint8Array): Promise<Uint8Array> => {
    derivations += 1;
    return native.hmacSha256(uniqueID, encodeUtf8(text));
  },
};

interface Repository {
  readonly time: ManualTime;
  readonly storage: MemoryStorage;
  readonly manager: FormatManager;
}

async function create(options: Partial<CreateFormatOptions> = {}): Promise<Repository> {
  const time = createManualTime();
  const storage = createMemoryStorage(time);
  const { clock } = time;
  const manager = await createFormat(storage, {
    password,
    algorithms,
    clock,
    random: webRandomSource,
    ...options,
  });
  return { time, storage, manager };
}

const open = (storage: BlobStorage, time: ManualTime, text = password): Promise<FormatManager> =>
  openFormat({ storage, password: text, algorithms, clock: time.clock });

async function blobIDs(storage: BlobStorage): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of storage.listBlobs('')) ids.push(id);
  return ids.sort();
}

/** What another client would do: rewrites the format blob with other members. */
async function rewrite(
  { storage, manager }: Repository,
  changes: Parameters<typeof changeFormatMembers>[1],
): Promise<void> {
  const { blob, keys, stored } = manager.state;
  const members = changeFormatMembers(stored.members, changes);
  const sealed = await sealFormatState(algorithms, blob, keys, members, undefined);
  await storage.putBlob(FORMAT_BLOB_ID, sealed.bytes.formatBlob);
}

const faulty = (storage: BlobStorage, time: ManualTime, ...script: ScriptedFault[]): BlobStorage =>
  createFaultyStorage(storage, { sleep: time.sleep, script });

describe('createFormat', () => {
  it.each([
    [1, { indexVersion: 1, enablePasswordChange: false }, false],
    [2, { indexVersion: 2, enablePasswordChange: true }, true],
    [3, { indexVersion: 2, enablePasswordChange: true }, true],
  ] as const)('makes version %i as Kopia does', async (version, expected, epochs) => {
    const { storage, time, manager } = await create({ version });
    expect(manager.current()).toMatchObject({
      version,
      hash: 'BLAKE2B-256-128',
      encryption: 'AES256-GCM-HMAC-SHA256',
      splitter: 'DYNAMIC-4M-BUZHASH',
      ecc: undefined,
      maxPackSize: 20 * MIB,
      requiredFeatures: [],
      epochParameters: { enabled: epochs },
      ...expected,
    });
    expect(manager.packReplica.length > 0).toBe(version === 1);
    expect(await blobIDs(storage)).toEqual([BLOBCFG_BLOB_ID, FORMAT_BLOB_ID]);
    expect(await storage.getBlob(BLOBCFG_BLOB_ID)).toHaveLength(30);
    const opened = await open(storage, time);
    expect(opened.current()).toEqual(manager.current());
    expect(opened.uniqueID).toHaveLength(32);
    expect(opened.uniqueID).toEqual(manager.uniqueID);
    expect(opened.formatBlobBytes).toEqual(await storage.getBlob(FORMAT_BLOB_ID));
    expect(opened.packReplica).toEqual(manager.packReplica);
  });

  it('takes every option and locks both blobs under retention', async () => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: DAY } as const;
    const { storage, time } = await create({
      version: 2,
      hash: 'HMAC-SHA256',
      encryption: 'CHACHA20-POLY1305-HMAC-SHA256',
      splitter: 'FIXED-1M',
      eccOverheadPercent: 12,
      maxPackSize: 64 * MIB,
      keyDerivation: 'pbkdf2-sha256-600000',
      build: { version: '1.2.3', info: 'abc' },
      retention,
    });
    const manager = await open(storage, time);
    expect(manager.current()).toMatchObject({
      version: 2,
      hash: 'HMAC-SHA256',
      encryption: 'CHACHA20-POLY1305-HMAC-SHA256',
      splitter: 'FIXED-1M',
      ecc: { algorithm: 'REED-SOLOMON-CRC32', overheadPercent: 12 },
      maxPackSize: 64 * MIB,
    });
    expect(manager.blobConfiguration).toEqual(retention);
    expect(storage.lockOf(FORMAT_BLOB_ID)?.mode).toBe('GOVERNANCE');
    expect(storage.lockOf(BLOBCFG_BLOB_ID)?.mode).toBe('GOVERNANCE');
    expect(JSON.parse(decodeUtf8(manager.formatBlobBytes, 'blob'))).toMatchObject({
      tool: 'longshore',
      buildVersion: '1.2.3',
      buildInfo: 'abc',
      keyAlgo: 'pbkdf2-sha256-600000',
    });
  });

  it.each<[string, Partial<CreateFormatOptions>]>([
    ['an empty password', { password: '' }],
    ['a small pack', { maxPackSize: 10 * MIB - 1 }],
    ['a large pack', { maxPackSize: 120 * MIB + 1 }],
    ['error correction in version 1', { version: 1, eccOverheadPercent: 1 }],
    ['too much error correction', { eccOverheadPercent: 101 }],
    ['half a percent', { eccOverheadPercent: 0.5 }],
    ['short retention', { retention: { mode: 'COMPLIANCE', periodNanoseconds: DAY - 1n } }],
    ['an unknown hash', { hash: 'MD5' as never }],
    ['an unknown cipher', { encryption: 'NONE' as never }],
    ['an unknown derivation', { keyDerivation: 'md5' as never }],
    ['an unknown version', { version: 4 as never }],
  ])('refuses %s and writes nothing', async (_what, options) => {
    const time = createManualTime();
    const storage = createMemoryStorage(time);
    const all = { password, algorithms, ...time, random: webRandomSource, ...options };
    await expect(createFormat(storage, all)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await blobIDs(storage)).toEqual([]);
  });

  it('refuses a storage that has a repository, or the rest of one', async () => {
    const { storage, time } = await create();
    const options = { password, algorithms, clock: time.clock, random: webRandomSource };
    const before = await storage.getBlob(FORMAT_BLOB_ID);
    await expect(createFormat(storage, options)).rejects.toMatchObject({
      code: 'REPOSITORY_EXISTS',
    });
    expect(await storage.getBlob(FORMAT_BLOB_ID)).toEqual(before);
    await storage.deleteBlob(FORMAT_BLOB_ID);
    await expect(createFormat(storage, options)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('remove kopia.blobcfg'),
    });
  });

  it('lets one of two creators through', async () => {
    const time = createManualTime();
    const storage = createMemoryStorage(time);
    const options = { password, algorithms, clock: time.clock, random: webRandomSource };
    const results = await Promise.allSettled([
      createFormat(storage, options),
      createFormat(storage, options),
    ]);
    const failed = results.filter(({ status }) => status === 'rejected');
    expect(failed).toMatchObject([{ reason: { code: 'REPOSITORY_EXISTS' } }]);
    await open(storage, time);
  });
});

describe('openFormat', () => {
  it('says that there is no repository', async () => {
    const time = createManualTime();
    const storage = createMemoryStorage(time);
    await expect(open(storage, time)).rejects.toMatchObject({
      code: 'REPOSITORY_NOT_INITIALIZED',
      message: 'there is no repository in Memory: kopia.repository is missing',
    });
  });

  it('takes a missing configuration for no retention', async () => {
    const { storage, time } = await create();
    await storage.deleteBlob(BLOBCFG_BLOB_ID);
    expect((await open(storage, time)).blobConfiguration).toBeUndefined();
  });

  it('refuses a wrong password, as typed', async () => {
    const { storage, time } = await create();
    for (const wrong of ['', `${password} `, password.normalize('NFD')]) {
      await expect(open(storage, time, wrong)).rejects.toMatchObject({
        code: 'INVALID_PASSWORD',
        message: 'invalid repository password',
      });
    }
  });

  it('never opens a format blob of which a sealed byte was changed', async () => {
    const { storage, time, manager } = await create();
    const text = decodeUtf8(manager.formatBlobBytes, 'blob');
    const start = text.indexOf('encryptedBlockFormat": "') + 24;
    for (const offset of [start, start + 20, text.length - 12]) {
      const replaced = text.charAt(offset) === 'A' ? 'B' : 'A';
      const damaged = text.slice(0, offset) + replaced + text.slice(offset + 1);
      await storage.putBlob(FORMAT_BLOB_ID, encodeUtf8(damaged));
      await expect(open(storage, time)).rejects.toMatchObject({ code: 'INVALID_PASSWORD' });
    }
  });

  it('reports damage outside of the seal and in the configuration as damage', async () => {
    const { storage, time, manager } = await create();
    await storage.putBlob(FORMAT_BLOB_ID, manager.formatBlobBytes.subarray(0, 300));
    await expect(open(storage, time)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    await storage.putBlob(FORMAT_BLOB_ID, manager.formatBlobBytes);
    await storage.putBlob(BLOBCFG_BLOB_ID, new Uint8Array(30));
    await expect(open(storage, time)).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('Remove it and set the retention again'),
    });
  });

  it('refuses a required feature that it does not have, and warns where that is enough', async () => {
    const repository = await create();
    const { storage, time } = repository;
    await rewrite(repository, {
      requiredFeatures: [{ feature: 'f1', ifNotUnderstood: { warn: true } }],
    });
    expect((await open(storage, time)).warnings).toEqual([
      'the repository asks for the feature "f1", which this version does not have',
    ]);
    const ifNotUnderstood = { warn: false, message: 'm', url: 'u', upgradeToVersion: 'v9' };
    const refused = { requiredFeatures: [{ feature: 'f2', ifNotUnderstood }] };
    // A rewrite by hand: `setParameters` would not let it through.
    await rewrite(repository, refused);
    await expect(open(storage, time)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'the repository asks for the feature "f2", which this version does not have: m (see u) (it came with Kopia v9)',
    });
  });

  it('stops on its signal', async () => {
    const { storage, time } = await create();
    const reason = new Error('stop');
    const { clock } = time;
    const signal = AbortSignal.abort(reason);
    await expect(openFormat({ storage, password, algorithms, clock, signal })).rejects.toBe(reason);
  });
});

describe('FormatManager', () => {
  it('reads the blobs again after 15 minutes, without the password', async () => {
    const repository = await create();
    const { storage, time } = repository;
    const manager = await open(storage, time);
    const before = derivations;
    await rewrite(repository, { maxPackSize: 30 * MIB });
    time.advance(14n * MINUTE);
    await manager.refreshIfStale();
    expect(manager.current().maxPackSize).toBe(20 * MIB);
    time.advance(MINUTE);
    await manager.refreshIfStale();
    expect(manager.current().maxPackSize).toBe(30 * MIB);
    expect(derivations).toBe(before);
  });

  it('shares one read among callers, of which each may give up', async () => {
    const { storage, time } = await create();
    let reads = 0;
    const counting = new Proxy(storage, {
      get: (target, name) => {
        if (name === 'getBlob') reads += 1;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const manager = await open(counting, time);
    time.advance(16n * MINUTE);
    reads = 0;
    const controller = new AbortController();
    const reason = new Error('stop');
    const given = manager.refreshIfStale({ signal: controller.signal });
    const kept = manager.refreshIfStale();
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    await kept;
    expect(reads).toBe(2);
  });

  it('tries again after a failed read, and fails until one succeeds', async () => {
    const { storage, time } = await create();
    const failing = faulty(storage, time, {
      operation: 'get',
      idPrefix: 'kopia.repository',
      skip: 1,
      fault: { kind: 'error-before' },
    });
    const manager = await open(failing, time);
    time.advance(16n * MINUTE);
    await expect(manager.refreshIfStale()).rejects.toMatchObject({ retryable: true });
    await manager.refreshIfStale();
  });

  it('notices an upgrade lock, at the latest when its time comes', async () => {
    const repository = await create();
    const { storage, time } = repository;
    const manager = await open(storage, time);
    const upgradeLock: UpgradeLock = {
      ownerID: 'me',
      creationTime: time.clock(),
      advanceNoticeDuration: 60n * MINUTE,
      ioDrainTimeout: 15n * MINUTE,
      statusPollInterval: MINUTE,
      message: 'm',
      maxPermittedClockDrift: 5n * MINUTE,
    };
    await rewrite(repository, { upgradeLock });
    time.advance(16n * MINUTE);
    await manager.refreshIfStale();
    expect(manager.upgradeLock).toEqual(upgradeLock);
    time.advance(10n * MINUTE);
    const locked = { code: 'REPOSITORY_LOCKED' };
    await expect(manager.refreshIfStale()).rejects.toMatchObject(locked);
    await expect(open(storage, time)).rejects.toMatchObject(locked);
    const { clock } = time;
    await openFormat({ storage, password, algorithms, clock, upgradeOwnerID: 'me' });
    await rewrite(repository, { upgradeLock: undefined });
    time.advance(15n * MINUTE);
    await manager.refreshIfStale();
    expect(manager.upgradeLock).toBeUndefined();
  });

  it('refuses to go on when another repository has taken the place of its own', async () => {
    const { storage, time, manager } = await create();
    const other = await create();
    await storage.putBlob(FORMAT_BLOB_ID, other.manager.formatBlobBytes);
    time.advance(16n * MINUTE);
    await expect(manager.refreshIfStale()).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      message: expect.stringContaining('replaced by another one'),
    });
  });
});

describe('changePassword', () => {
  it('seals both blobs anew and keeps every other key', async () => {
    const { storage, time, manager } = await create({ hash: 'BLAKE2S-256' });
    const before = await manager.purposeKey('maintenance schedule', 32);
    await changePassword(manager, 'next', { storage, ...time });
    await expect(open(storage, time)).rejects.toMatchObject({ code: 'INVALID_PASSWORD' });
    const opened = await open(storage, time, 'next');
    expect(opened.current()).toEqual(manager.current());
    expect(opened.uniqueID).toEqual(manager.uniqueID);
    expect(await opened.purposeKey('maintenance schedule', 32)).toEqual(before);
    await manager.refresh();
  });

  it('leaves other clients with INVALID_PASSWORD at their next look', async () => {
    const { storage, time, manager } = await create();
    const other = await open(storage, time);
    await changePassword(manager, 'next', { storage, ...time });
    time.advance(16n * MINUTE);
    await expect(other.refreshIfStale()).rejects.toMatchObject({ code: 'INVALID_PASSWORD' });
  });

  it('is refused where keys depend on the password, and for an empty one', async () => {
    const old = await create({ version: 1 });
    await expect(
      changePassword(old.manager, 'next', { ...old, ...old.time }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const { storage, time, manager } = await create();
    await expect(changePassword(manager, '', { storage, ...time })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await open(storage, time);
  });

  it.each([
    ['kopia.blobcfg', 'error-before', password],
    ['kopia.blobcfg', 'error-after', password],
    ['kopia.repository', 'error-before', password],
  ] as const)('that fails at %s (%s) leaves the old password', async (idPrefix, kind, good) => {
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: DAY } as const;
    const { storage, time, manager } = await create({ retention });
    const failing = faulty(storage, time, { operation: 'put', idPrefix, fault: { kind } });
    await expect(
      changePassword(manager, 'next', { storage: failing, ...time }),
    ).rejects.toBeInstanceOf(Error);
    expect((await open(storage, time, good)).blobConfiguration).toEqual(retention);
    expect(storage.lockOf(BLOBCFG_BLOB_ID)).toBeDefined();
  });

  it('counts as done if only the answer of the last put was lost', async () => {
    const { storage, time, manager } = await create();
    const fault = { kind: 'error-after' } as const;
    const failing = faulty(storage, time, {
      operation: 'put',
      idPrefix: 'kopia.repository',
      fault,
    });
    await changePassword(manager, 'next', { storage: failing, ...time });
    expect((await open(storage, time, 'next')).uniqueID).toEqual(manager.uniqueID);
  });
});

const set = ({ manager, storage, time }: Repository, changes: ParameterChanges): Promise<boolean> =>
  setParameters(manager, changes, { storage, clock: time.clock });

describe('setParameters', () => {
  it('changes what it is told to and nothing else', async () => {
    const repository = await create();
    const { storage, time, manager } = repository;
    const before = manager.current();
    const retention = { mode: 'COMPLIANCE', periodNanoseconds: 2n * DAY } as const;
    const features = [{ feature: 'index-v2', ifNotUnderstood: { warn: false, message: 'm' } }];
    const changed = await set(repository, {
      maxPackSize: 40 * MIB,
      epochParameters: { minEpochDuration: 600n * MINUTE },
      retention,
      addRequiredFeatures: features,
    });
    expect(changed).toBe(true);
    const opened = await open(storage, time);
    expect(opened.current()).toEqual({
      ...before,
      maxPackSize: 40 * MIB,
      epochParameters: { ...DEFAULT_EPOCH_PARAMETERS, minEpochDuration: 600n * MINUTE },
      requiredFeatures: features,
    });
    expect(manager.current()).toEqual(opened.current());
    expect(opened.blobConfiguration).toEqual(retention);
    expect(storage.lockOf(FORMAT_BLOB_ID)?.mode).toBe('COMPLIANCE');
    await set(repository, { retention: undefined, removeRequiredFeatures: ['index-v2'] });
    const last = await open(storage, time);
    expect(last.blobConfiguration).toBeUndefined();
    expect(last.current().requiredFeatures).toEqual([]);
  });

  it('starts from what is stored now and keeps what it does not know', async () => {
    const repository = await create();
    const { storage, time, manager } = repository;
    const other = await open(storage, time);
    const { blob, keys, stored } = manager.state;
    const members = new Map([...stored.members, ['later', { a: 1 }] as const]);
    const sealed = await sealFormatState(algorithms, blob, keys, members, undefined);
    await storage.putBlob(FORMAT_BLOB_ID, sealed.bytes.formatBlob);
    await setParameters(other, { maxPackSize: 30 * MIB }, { storage, ...time });
    await set(repository, { epochParameters: { deleteParallelism: 9 } });
    const opened = await open(storage, time);
    expect(opened.current()).toMatchObject({ maxPackSize: 30 * MIB });
    expect(decodeUtf8(encodeStoredFormat(opened.state.stored.members), 'inner')).toMatch(
      /"DeleteParallelism":9\},.*"later":\{"a":1\}\}\}$/,
    );
  });

  it('writes nothing if everything is so already', async () => {
    const repository = await create();
    const before = await repository.storage.getBlob(FORMAT_BLOB_ID);
    const changed = await set(repository, {
      maxPackSize: 20 * MIB,
      indexVersion: 2,
      epochParameters: { enabled: true },
      retention: undefined,
      removeRequiredFeatures: ['none'],
    });
    expect(changed).toBe(false);
    expect(await repository.storage.getBlob(FORMAT_BLOB_ID)).toEqual(before);
  });

  it.each<[ParameterChanges, string]>([
    [{ maxPackSize: 9 * MIB }, 'INVALID_ARGUMENT'],
    [{ maxPackSize: 121 * MIB }, 'INVALID_ARGUMENT'],
    [{ indexVersion: 1 }, 'INVALID_ARGUMENT'],
    [{ indexVersion: 3 as never }, 'INVALID_ARGUMENT'],
    [{ epochParameters: { enabled: false } }, 'INVALID_ARGUMENT'],
    [{ epochParameters: { epochRefreshFrequency: 9n * 60n * MINUTE } }, 'INVALID_ARGUMENT'],
    [{ retention: { mode: 'GOVERNANCE', periodNanoseconds: 1n } }, 'INVALID_ARGUMENT'],
    [
      { addRequiredFeatures: [{ feature: 'x', ifNotUnderstood: { warn: false } }] },
      'INVALID_ARGUMENT',
    ],
  ])('refuses change %# and writes nothing', async (changes, code) => {
    const repository = await create();
    const before = await repository.storage.getBlob(FORMAT_BLOB_ID);
    await expect(set(repository, changes)).rejects.toMatchObject({ code });
    expect(await repository.storage.getBlob(FORMAT_BLOB_ID)).toEqual(before);
  });

  it('sends a repository of version 1 to the upgrade for epochs, but raises its index version', async () => {
    const repository = await create({ version: 1 });
    await expect(set(repository, { epochParameters: { enabled: true } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('repository upgrade'),
    });
    expect(await set(repository, { indexVersion: 2 })).toBe(true);
    expect((await open(repository.storage, repository.time)).current().indexVersion).toBe(2);
  });

  it('refuses retention where the storage has no object lock, before anything is written', async () => {
    const { storage, time, manager } = await create();
    const plain = createMemoryStorage({ ...time, capabilities: { objectLock: false } });
    for (const id of [FORMAT_BLOB_ID, BLOBCFG_BLOB_ID]) {
      await plain.putBlob(id, await storage.getBlob(id));
    }
    const retention = { mode: 'GOVERNANCE', periodNanoseconds: DAY } as const;
    await expect(
      setParameters(manager, { retention }, { storage: plain, ...time }),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect((await open(plain, time)).blobConfiguration).toBeUndefined();
  });
});

describe('validateEpochParameters', () => {
  it.each([
    [{ minEpochDuration: 10n * MINUTE, epochRefreshFrequency: 3n * MINUTE }, undefined],
    [{ minEpochDuration: 10n * MINUTE - 1n, epochRefreshFrequency: MINUTE }, /10 minutes/],
    [{ epochRefreshFrequency: 0n }, /must be positive/],
    [
      { epochRefreshFrequency: 480n * MINUTE + 1n, cleanupSafetyMargin: 90n * DAY },
      /minimum epoch/,
    ],
    [{ epochRefreshFrequency: 80n * MINUTE }, undefined],
    [{ epochRefreshFrequency: 80n * MINUTE + 1n }, /safety margin/],
    [{ fullCheckpointFrequency: 0 }, /checkpoint/],
    [{ epochAdvanceOnCountThreshold: 9 }, /fewer than 10/],
    [{ epochAdvanceOnTotalSizeBytesThreshold: MIB - 1 }, /1 MiB/],
    [{ enabled: false, minEpochDuration: 0n }, undefined],
  ])('applies rule %#', (changes, message) => {
    const result = (): void => validateEpochParameters({ ...DEFAULT_EPOCH_PARAMETERS, ...changes });
    const error = ((): unknown => {
      try {
        return result();
      } catch (caught) {
        return (caught as Error).message;
      }
    })();
    expect(error ?? '').toMatch(message ?? /^$/);
  });
});

describe('recoverFormatBlob', () => {
  let repository: Repository;
  const noise = new Uint8Array(100_000).fill(1);

  beforeAll(async () => {
    repository = await create({ version: 1 });
    const { storage, manager } = repository;
    await storage.putBlob(parseBlobID('p1-s1'), noise);
    await storage.putBlob(parseBlobID('q2-s1'), concatBytes([manager.packReplica, noise]));
    await storage.putBlob(parseBlobID('p3-s1'), concatBytes([noise, manager.packReplica]));
    await storage.putBlob(parseBlobID('p4-s1'), noise.subarray(0, 1));
  });

  it('refuses while the format blob is there', async () => {
    await expect(recoverFormatBlob(repository.storage, { algorithms })).rejects.toMatchObject({
      code: 'REPOSITORY_EXISTS',
    });
  });

  it('writes the copy of the newest pack back', async () => {
    const { storage, time, manager } = repository;
    const lost = manager.formatBlobBytes;
    for (const [prefixes, found] of [
      [undefined, 'p3-s1'],
      [['q'], 'q2-s1'],
    ] as const) {
      await storage.deleteBlob(FORMAT_BLOB_ID);
      const options = prefixes === undefined ? { algorithms } : { algorithms, prefixes };
      const recovered = await recoverFormatBlob(storage, options);
      expect(recovered.packBlobID).toBe(found);
      expect(await storage.getBlob(FORMAT_BLOB_ID)).toEqual(lost);
      await open(storage, time);
    }
  });

  it('gives up after so many packs, and where there is no copy', async () => {
    const { storage } = repository;
    await storage.deleteBlob(FORMAT_BLOB_ID);
    for (const options of [{ maxPacks: 1 }, { prefixes: ['p1'] }, { prefixes: ['z'] }]) {
      await expect(recoverFormatBlob(storage, { algorithms, ...options })).rejects.toMatchObject({
        code: 'REPOSITORY_NOT_INITIALIZED',
      });
    }
  });
});
