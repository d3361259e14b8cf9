import { beforeEach, describe, expect, it } from 'vitest';
import { createManualTime, type ManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { createObservedStorage } from '../blob/observed.ts';
import { RequestMeter } from '../blob/request-meter.ts';
import type { BlobID, BlobStorage } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { webRandomSource } from '../clock.ts';
import { createRepository } from '../create.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';
import { openRepository } from '../open.ts';
import { writeSession } from '../repository.ts';
import { upgradeRepository } from '../upgrade/upgrade-repository.ts';
import { changePassword } from './change-format.ts';
import type { FormatCache, RememberedFormat } from './format-cache.ts';
import { FORMAT_BLOB_ID } from './format-blob.ts';
import { openFormat, type FormatManager } from './format-manager.ts';

const MINUTE = 60_000_000_000n;
const native = nativeAlgorithms();
/** Quick: what the slow derivation computes is tested with vectors. */
const algorithms = {
  ...native,
  deriveFormatKey: (_name: string, text: string, uniqueID: Uint8Array): Promise<Uint8Array> =>
    native.hmacSha256(uniqueID, encodeUtf8(text)),
};

let time: ManualTime;
let storage: MemoryStorage;
let meter: RequestMeter;
let observed: BlobStorage;
let remembered: RememberedFormat | undefined;

const cache: FormatCache = {
  load: async () => remembered,
  store: async (format) => {
    remembered = format;
  },
};

beforeEach(async () => {
  time = createManualTime();
  storage = createMemoryStorage(time);
  meter = new RequestMeter();
  observed = createObservedStorage(storage, { clock: time.clock, onEvent: meter.record });
  remembered = undefined;
  const { clock, sleep } = time;
  const random = webRandomSource;
  const created = await createRepository({
    storage,
    password: 'a',
    algorithms,
    clock,
    sleep,
    random,
  });
  await writeSession(created, {}, async (writer) => {
    await writer.putManifest({ type: 'test' }, {});
  });
});

function open(password = 'a'): Promise<FormatManager> {
  return openFormat({ storage: observed, password, algorithms, clock: time.clock, cache });
}

describe('a format that was read lately', () => {
  it('is not read again for 15 minutes, counted from the reading', async () => {
    await open();
    expect(meter.counts.get).toBe(2);
    time.advance(14n * MINUTE);
    const manager = await open();
    expect(manager.isRemembered).toBe(true);
    expect(meter.counts.get).toBe(2);
    time.advance(2n * MINUTE);
    // The 15 minutes of a client that began with it have passed as well.
    await manager.refreshIfStale();
    expect(manager.isRemembered).toBe(false);
    expect(meter.counts.get).toBe(4);
    time.advance(14n * MINUTE);
    expect((await open()).isRemembered).toBe(true);
    time.advance(2n * MINUTE);
    expect((await open()).isRemembered).toBe(false);
    expect(meter.counts.get).toBe(6);
  });

  it('is read again when the clock went back, and when it does not open', async () => {
    await open();
    remembered = { ...remembered!, readAt: remembered!.readAt + MINUTE };
    expect((await open()).isRemembered).toBe(false);
    remembered = { ...remembered, formatBlob: encodeUtf8('{}') };
    expect((await open()).isRemembered).toBe(false);
    expect((await open()).isRemembered).toBe(true);
  });

  it('does not stand in the way of a new password', async () => {
    const manager = await open();
    await changePassword(manager, 'b', { storage, clock: time.clock });
    expect((await open('b')).isRemembered).toBe(false);
    await expect(open('c')).rejects.toMatchObject({ code: 'INVALID_PASSWORD' });
  });
});

describe('a repository opened with it', () => {
  const openAll = () =>
    openRepository({ storage: observed, password: 'a', algorithms, ...time, formatCache: cache });

  it('costs one listing and the index blobs', async () => {
    await openAll();
    const before = meter.counts;
    const repository = await openAll();
    expect(meter.counts).toMatchObject({ get: before.get + 1, list: before.list + 1 });
    expect(await repository.findManifests({ type: 'test' })).toHaveLength(1);
  });

  it('that is gone is missed all the same', async () => {
    await openAll();
    const ids = [];
    for await (const { id } of storage.listBlobs('')) ids.push(id);
    for (const id of ids) await storage.deleteBlob(id);
    await expect(openAll()).rejects.toMatchObject({ code: 'REPOSITORY_NOT_INITIALIZED' });
  });

  it('that was replaced by another one is refused', async () => {
    await openAll();
    const ids = [];
    for await (const { id } of storage.listBlobs('')) ids.push(id);
    for (const id of ids) await storage.deleteBlob(id);
    const { clock, sleep } = time;
    const random = webRandomSource;
    const other = await createRepository({
      storage,
      password: 'a',
      algorithms,
      clock,
      sleep,
      random,
    });
    await writeSession(other, {}, async (writer) => {
      await writer.putManifest({ type: 'test' }, {});
    });
    await expect(openAll()).rejects.toThrow(/was replaced by another one/);
    await storage.deleteBlob(FORMAT_BLOB_ID);
    await expect(openAll()).rejects.toMatchObject({ code: 'REPOSITORY_NOT_INITIALIZED' });
  });

  it.each([
    ['it was upgraded', false],
    ['an older state of it was put back', true],
  ])('is opened as it is today although %s since', async (_, isPutBack) => {
    const { clock, sleep } = time;
    const random = webRandomSource;
    storage = createMemoryStorage(time);
    observed = storage;
    const parts = { storage, password: 'a', algorithms, clock, sleep, random };
    const created = await createRepository({ ...parts, version: 1 });
    await writeSession(created, {}, async (writer) => {
      await writer.putManifest({ type: 'test' }, {});
    });
    const old = new Map<BlobID, Uint8Array>();
    for await (const { id } of storage.listBlobs('')) old.set(id, await storage.getBlob(id));
    if (!isPutBack) await openAll();
    const upgradeOwnerID = 'owner';
    const formatManager = await openFormat({ ...parts, upgradeOwnerID });
    await upgradeRepository({
      ...parts,
      formatManager,
      ownerID: upgradeOwnerID,
      ioDrainTimeout: 1n,
      statusPollInterval: 1n,
      maxPermittedClockDrift: 1_000_000_000n,
      allowUnsafeTimings: true,
    });
    if (isPutBack) {
      await openAll();
      for await (const { id } of storage.listBlobs('')) await storage.deleteBlob(id);
      for (const [id, bytes] of old) await storage.putBlob(id, bytes);
    }
    const repository = await openAll();
    expect(await repository.findManifests({ type: 'test' })).toHaveLength(1);
    expect(repository.formatManager.current().version).toBe(isPutBack ? 1 : 3);
    expect(repository.formatManager.isRemembered).toBe(false);
  });
});
