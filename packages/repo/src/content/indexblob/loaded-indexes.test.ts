import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../blob/decorate-storage.ts';
import { createManualTime, type ManualTime } from '../../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../../blob/memory-storage.ts';
import { parseBlobID, type BlobReader, type BlobStorage } from '../../blob/storage.ts';
import { DEFAULT_EPOCH_PARAMETERS } from '../../format/epoch-parameters.ts';
import { nativeAlgorithms } from '../../node/native-algorithms.ts';
import { parseContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { buildIndex } from '../index/index-builder.ts';
import { BlobSealer } from './blob-sealing.ts';
import { EpochIndexBlobs } from './epoch-index-blobs.ts';
import { IndexBlobFetcher, type IndexCache } from './index-blob-fetcher.ts';
import { LoadedIndexes } from './loaded-indexes.ts';

const HOUR = 3_600_000_000_000n;

let time: ManualTime;
let storage: MemoryStorage;
let sealer: BlobSealer;

beforeEach(async () => {
  time = createManualTime();
  storage = createMemoryStorage(time);
  const algorithms = nativeAlgorithms();
  sealer = new BlobSealer({
    hash: await algorithms.createHash('BLAKE2B-256-128', new Uint8Array(32)),
    cipher: await algorithms.createCipher('AES256-GCM-HMAC-SHA256', new Uint8Array(32)),
  });
});

interface Client {
  readonly blobs: EpochIndexBlobs;
  readonly loaded: LoadedIndexes;
  readonly write: (...entries: readonly ContentInfo[]) => Promise<void>;
}

function createClient(over: BlobStorage = storage, cache?: IndexCache): Client {
  const fetcher = new IndexBlobFetcher({ storage: over, sealer, v1Overhead: 28, cache });
  let fill = 0;
  const blobs = new EpochIndexBlobs({
    storage: over,
    sealer,
    fetcher,
    clock: time.clock,
    random: (target) => target.fill(++fill),
    parameters: () => ({
      version: 3,
      maxPackSize: 20_000_000,
      indexVersion: 2,
      epochParameters: { ...DEFAULT_EPOCH_PARAMETERS, epochAdvanceOnCountThreshold: 2 },
      requiredFeatures: [],
    }),
  });
  const loaded = new LoadedIndexes({ source: blobs, fetcher, sleep: time.sleep });
  return {
    blobs,
    loaded,
    write: async (...entries) => {
      const files = buildIndex(entries, { version: 2 });
      loaded.adopt(await blobs.writeIndexBlobs(files, 's12147'), files);
    },
  };
}

function entry(n: number, timestampSeconds = 1000, deleted = false): ContentInfo {
  return {
    contentID: parseContentID(n.toString(16).padStart(32, '0')),
    packBlobID: parseBlobID(`p${n % 7}`),
    packOffset: n,
    packedLength: 128,
    originalLength: 100,
    timestampSeconds,
    deleted,
    formatVersion: 3,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
  };
}

/** Counts what is fetched. */
function counting(inner: BlobStorage = storage): { storage: BlobStorage; fetched: string[] } {
  const fetched: string[] = [];
  const getBlob: BlobReader['getBlob'] = (id, options) => {
    fetched.push(id);
    return inner.getBlob(id, options);
  };
  return { storage: decorateStorage(inner, { getBlob }), fetched };
}

describe('loaded indexes', () => {
  it('see what another client wrote after a refresh, and what was adopted at once', async () => {
    const writer = createClient();
    const reader = createClient();
    await writer.write(entry(1), entry(2));
    expect(writer.loaded.current.find(entry(1).contentID)).toEqual(entry(1));
    expect(reader.loaded.current.find(entry(1).contentID)).toBeUndefined();
    await reader.loaded.refresh();
    expect([...reader.loaded.current.iterate()]).toEqual([entry(1), entry(2)]);
  });

  it('fetch only what they have not, however many blobs there are', async () => {
    const writer = createClient();
    const { storage: counted, fetched } = counting();
    const reader = createClient(counted);
    for (let n = 0; n < 40; n++) {
      await writer.write(entry(n), entry(1000, n));
      await reader.loaded.refresh();
    }
    expect(new Set(fetched).size).toBe(40);
    expect(fetched).toHaveLength(40);
    expect(reader.loaded.current.indexes.length).toBeLessThanOrEqual(13);
    const expected = [...Array.from({ length: 40 }, (_, n) => entry(n)), entry(1000, 39)];
    expect([...reader.loaded.current.iterate()]).toEqual(expected);
  });

  it('let go of blobs that no longer count, and hold the same before and after a compaction', async () => {
    const writer = createClient();
    for (let epoch = 0; epoch < 3; epoch++) {
      for (let n = 0; n < 20; n++)
        await writer.write(entry(100 * epoch + n), entry(n, 1001 + epoch));
      time.advance(25n * HOUR);
      await writer.write(entry(100 * epoch + 50));
      writer.blobs.invalidate();
      expect(await writer.blobs.advanceEpoch()).toEqual({ writeEpoch: epoch + 1, advanced: true });
      writer.blobs.invalidate();
    }
    const reader = createClient();
    const before = [...(await reader.loaded.refresh()).iterate()];
    expect(await writer.blobs.compactSingleEpoch()).toMatchObject({ first: 0, last: 0 });
    expect([...(await reader.loaded.refresh()).iterate()]).toEqual(before);
    const fresh = createClient();
    expect([...(await fresh.loaded.refresh()).iterate()]).toEqual(before);
    expect(fresh.loaded.current.entryCount).toBe(reader.loaded.current.entryCount);
  });

  it('apply the watermark of the repository', async () => {
    const { blobs, loaded, write } = createClient();
    await write(entry(1, 10, true), entry(2, 11, true));
    await blobs.advanceDeletionWatermark(10);
    await loaded.refresh();
    expect([...loaded.current.iterate({ includeDeleted: true })]).toEqual([entry(2, 11, true)]);
  });

  it('try again while listed blobs vanish, and keep the old index if they all do', async () => {
    const writer = createClient();
    await writer.write(entry(1));
    await writer.write(entry(2));
    let failures = 3;
    const flaky = decorateStorage(storage, {
      getBlob: (id, options) =>
        storage.getBlob(failures-- > 0 ? parseBlobID('missing') : id, options),
    });
    const reader = createClient(flaky);
    expect([...(await reader.loaded.refresh()).iterate()]).toEqual([entry(1), entry(2)]);
    expect(time.sleeps.slice(0, 2)).toEqual([100, 200]);
    await writer.write(entry(3));
    failures = Number.POSITIVE_INFINITY;
    await expect(reader.loaded.refresh()).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(time.sleeps.at(-1)).toBe(100 * 2 ** 8);
    expect([...reader.loaded.current.iterate()]).toEqual([entry(1), entry(2)]);
  });

  it('fail on a damaged blob and name it', async () => {
    const writer = createClient();
    await writer.write(entry(1));
    const { blobs } = await writer.blobs.loadActive();
    await storage.putBlob(blobs[0]!.id, new Uint8Array(100));
    await expect(createClient().loaded.refresh()).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      facts: { blobID: blobs[0]!.id },
    });
  });

  it('do not lose what is adopted while a refresh is running', async () => {
    await createClient().write(entry(1));
    const writer = createClient();
    const files = buildIndex([entry(7)], { version: 2 });
    // The blob is listed already; what another client commits meanwhile is not.
    const slow = decorateStorage(storage, {
      getBlob: async (id, options) => {
        reader.loaded.adopt(await writer.blobs.writeIndexBlobs(files, 's12147'), files);
        return storage.getBlob(id, options);
      },
    });
    const reader = createClient(slow);
    await reader.loaded.refresh();
    expect([...reader.loaded.current.iterate()]).toEqual([entry(1), entry(7)]);
    expect(reader.loaded.current.entryCount).toBe(2);
    await reader.loaded.refresh();
    expect(reader.loaded.current.entryCount).toBe(2);
  });

  it('take blobs from the cache, but only authentic ones', async () => {
    const writer = createClient();
    await writer.write(entry(1));
    const kept = new Map<string, Uint8Array>();
    const cache: IndexCache = {
      get: async (key) => kept.get(key),
      put: async (key, data) => void kept.set(key, data),
    };
    const { storage: counted, fetched } = counting();
    await createClient(counted, cache).loaded.refresh();
    await createClient(counted, cache).loaded.refresh();
    expect(fetched).toHaveLength(1);
    for (const data of kept.values()) data[30]! ^= 1;
    const { loaded } = createClient(counted, cache);
    expect([...(await loaded.refresh()).iterate()]).toEqual([entry(1)]);
    expect(fetched).toHaveLength(2);
  });
});
