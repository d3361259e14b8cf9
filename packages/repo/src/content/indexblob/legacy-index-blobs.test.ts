import { beforeEach, describe, expect, it } from 'vitest';
import { decorateStorage } from '../../blob/decorate-storage.ts';
import { createManualTime, type ManualTime } from '../../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../../blob/memory-storage.ts';
import {
  parseBlobID,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../../blob/storage.ts';
import { decodeUtf8, encodeHex } from '../../bytes.ts';
import { DISABLED_EPOCH_PARAMETERS } from '../../format/epoch-parameters.ts';
import { nativeAlgorithms } from '../../node/native-algorithms.ts';
import { parseContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { buildIndex } from '../index/index-builder.ts';
import { BlobSealer } from './blob-sealing.ts';
import { encodeCompactionLog, parseCleanupList, parseCompactionLog } from './compaction-log.ts';
import { IndexBlobFetcher } from './index-blob-fetcher.ts';
import { LegacyIndexBlobs, LegacyIndexReader } from './legacy-index-blobs.ts';
import { putLegacyPoison, withoutLegacyPoison } from './legacy-poison.ts';
import {
  replacedInputs,
  selectActiveLegacy,
  selectCountingLogs,
  selectForCompaction,
  type ListedLog,
} from './legacy-plans.ts';
import { LoadedIndexes } from './loaded-indexes.ts';

function selectReplacedInputs(
  old: readonly ListedLog[],
  all: readonly ListedLog[],
  present: readonly BlobMetadata[],
): readonly BlobID[] {
  const counting = selectCountingLogs(all, present);
  return replacedInputs(old.filter((log) => counting.has(log)));
}

const HOUR = 3_600_000_000_000n;
const MAX_PACK_SIZE = 20_000;

let time: ManualTime;
let storage: MemoryStorage;
let sealer: BlobSealer;
let blobs: LegacyIndexBlobs;
let loaded: LoadedIndexes;

beforeEach(async () => {
  time = createManualTime();
  storage = createMemoryStorage(time);
  const algorithms = nativeAlgorithms();
  sealer = new BlobSealer({
    hash: await algorithms.createHash('BLAKE2B-256-128', new Uint8Array(32)),
    cipher: await algorithms.createCipher('AES256-GCM-HMAC-SHA256', new Uint8Array(32)),
  });
  const fetcher = new IndexBlobFetcher({ storage, sealer, v1Overhead: 28 });
  fill = 0;
  blobs = open(storage);
  loaded = new LoadedIndexes({ source: blobs, fetcher, sleep: time.sleep });
});

let fill: number;

function open(over: BlobStorage): LegacyIndexBlobs {
  return new LegacyIndexBlobs({
    storage: over,
    sealer,
    fetcher: new IndexBlobFetcher({ storage: over, sealer, v1Overhead: 28 }),
    random: (target) => target.fill(++fill),
    parameters: () => ({
      version: 1,
      maxPackSize: MAX_PACK_SIZE,
      indexVersion: 1,
      epochParameters: DISABLED_EPOCH_PARAMETERS,
      requiredFeatures: [],
    }),
  });
}

/** More entries than fit into an index blob of the size of a pack. */
async function mergeLargeBlob(): ReturnType<LegacyIndexBlobs['compact']> {
  const entries = Array.from({ length: 600 }, (_, n) => ({
    ...entry(0),
    contentID: parseContentID((n + 1000).toString(16).padStart(32, '0')),
  }));
  await write(...entries);
  return blobs.compact({ allIndexes: true, dropDeletedBeforeSeconds: 1 });
}

function entry(n: number, timestampSeconds = 1000, deleted = false): ContentInfo {
  return {
    contentID: parseContentID(encodeHex(Uint8Array.from({ length: 16 }, () => n))),
    packBlobID: parseBlobID('p1'),
    packOffset: 0,
    packedLength: 128,
    originalLength: 100,
    timestampSeconds,
    deleted,
    formatVersion: 1,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
  };
}

async function write(...entries: readonly ContentInfo[]): Promise<BlobID> {
  const [written] = await blobs.writeIndexBlobs(buildIndex(entries, { version: 1 }), 's12147');
  return written!;
}

async function names(prefix: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of storage.listBlobs(prefix)) ids.push(id);
  return ids.toSorted();
}

async function contents(): Promise<ContentInfo[]> {
  return [...(await loaded.refresh()).iterate({ includeDeleted: true })];
}

const blob = (id: string, length = 0, timestamp = 0n): BlobMetadata => ({
  id: parseBlobID(id),
  length,
  timestamp,
});

const ids = (...list: readonly string[]): BlobID[] => list.map(parseBlobID);

describe('the active set', () => {
  it('leaves out what a log with all its outputs present replaced', () => {
    const present = ['n1', 'n2', 'n3', 'n4'].map((id) => blob(id));
    const active = (...logs: readonly (readonly [string[], string[]])[]): string[] =>
      selectActiveLegacy(
        present,
        logs.map(([inputs, outputs]) => ({ inputs: ids(...inputs), outputs: ids(...outputs) })),
      ).map(({ id }) => id);
    expect(active()).toEqual(['n1', 'n2', 'n3', 'n4']);
    expect(active([['n1', 'n2'], ['n3']])).toEqual(['n3', 'n4']);
    expect(
      active([
        ['n1', 'n2'],
        ['n3', 'n9'],
      ]),
    ).toEqual(['n1', 'n2', 'n3', 'n4']);
    expect(active([['n1', 'n2'], ['n3']], [['n3'], ['n4']])).toEqual(['n4']);
    expect(active([['n1', 'n2', 'n3', 'n4'], []])).toEqual([]);
  });
});

const sized = (...lengths: readonly number[]): number[] =>
  selectForCompaction(
    lengths.map((length, n) => blob(`n${n}`, length)),
    1000,
  ).map(({ length }) => length);

describe('the choice of what to merge', () => {
  it.each([
    ['nothing below eight', [1, 1, 1, 1, 1, 1, 1], []],
    ['nothing below eight, large ones aside', [1, 1, 1, 1, 1, 1, 1, 1001, 1001], []],
    ['all very small ones', Array(8).fill(49), Array(8).fill(49)],
    ['only the very small ones', [...Array(7).fill(49), 50, 999], Array(7).fill(49)],
    [
      'all, if half are not very small',
      [...Array(4).fill(49), 50, 60, 70, 1000],
      [49, 49, 49, 49, 50, 60, 70, 1000],
    ],
    [
      'all, if seven are not very small',
      [...Array(9).fill(1), ...Array(7).fill(50)],
      [...Array(9).fill(1), ...Array(7).fill(50)],
    ],
  ])('is %s', (_what, lengths: number[], expected: number[]) => {
    expect(sized(...lengths)).toEqual(expected);
  });
});

const listedLog = (id: string, inputs: string[], outputs: string[], timestamp: bigint) => ({
  blob: blob(id, 0, timestamp),
  inputs: ids(...inputs),
  outputs: ids(...outputs),
});

describe('the choice of inputs to delete', () => {
  it('takes older logs first and only those whose outputs are accounted for', () => {
    const first = listedLog('m1', ['n1', 'n2'], ['n3'], 1n);
    const second = listedLog('m2', ['n3', 'n4'], ['n5'], 2n);
    const lost = listedLog('m3', ['n6'], ['n7'], 1n);
    const present = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'].map((id) => blob(id));
    const all = [second, lost, first];
    expect(selectReplacedInputs(all, all, present)).toEqual(['n1', 'n2', 'n3', 'n4']);
    const without3 = present.filter(({ id }) => id !== 'n3');
    expect(selectReplacedInputs(all, all, without3)).toEqual(['n1', 'n2', 'n3', 'n4']);
    const without5 = present.filter(({ id }) => id !== 'n5');
    expect(selectReplacedInputs(all, all, without5)).toEqual(['n1', 'n2']);
    expect(selectReplacedInputs([first], all, present)).toEqual(['n1', 'n2']);
    const hostile = listedLog('m4', ['p1', 'kopia.repository', 'n1'], [], 1n);
    expect(selectReplacedInputs([hostile], [hostile], present)).toEqual(['n1']);
  });
});

describe('legacy index blobs', () => {
  it('are named by hash and session, and found by every reader', async () => {
    expect(await write(entry(1))).toMatch(/^n[0-9a-f]{32}-s12147$/);
    await write(entry(2));
    expect(await contents()).toEqual([entry(1), entry(2)]);
  });

  it('are merged with a log of inputs and outputs, and nothing changes for readers', async () => {
    for (let n = 0; n < 8; n++) await write(entry(n), entry(100 + n, 1000, n % 2 === 0));
    const before = await contents();
    const inputs = await names('n');
    const compaction = await blobs.compact();
    expect(compaction?.inputs.map(({ id }) => id).toSorted()).toEqual(inputs);
    const [logID] = await names('m');
    const plaintext = sealer.open(parseBlobID(logID!), await storage.getBlob(parseBlobID(logID!)));
    const log = parseCompactionLog(plaintext, 'log');
    expect(log.inputs.toSorted()).toEqual(inputs);
    expect(log.outputs).toEqual(compaction?.outputs.map(({ id }) => id));
    expect(log.outputs[0]).toMatch(/^n[0-9a-f]{32}$/);
    expect((await blobs.loadActive()).blobs.map(({ id }) => id)).toEqual(log.outputs);
    expect(await contents()).toEqual(before);
    expect(await blobs.compact()).toBeUndefined();
  });

  it('are cleaned up an hour after they were merged, and the logs another hour later', async () => {
    for (let n = 0; n < 8; n++) await write(entry(n));
    const inputs = await names('n');
    await blobs.compact();
    for (let n = 8; n < 16; n++) await write(entry(n));
    time.advance(HOUR / 2n);
    await blobs.compact({ dropDeletedBeforeSeconds: 1 });
    expect(await names('n')).toEqual(expect.arrayContaining(inputs));
    time.advance(HOUR / 2n);
    await write(entry(16));
    await blobs.compact({ dropDeletedBeforeSeconds: 1 });
    expect((await names('n')).filter((id) => inputs.includes(id))).toEqual([]);
    const [listID] = await names('l');
    const list = parseCleanupList(
      sealer.open(parseBlobID(listID!), await storage.getBlob(parseBlobID(listID!))),
      'list',
    );
    expect(list.blobIDs).toHaveLength(1);
    expect(await names('m')).toContain(list.blobIDs[0]);
    time.advance(2n * HOUR);
    await write(entry(17));
    await blobs.compact({ dropDeletedBeforeSeconds: 1 });
    expect(await names('m')).not.toContain(list.blobIDs[0]);
    expect(await names('l')).not.toContain(listID);
    expect((await contents()).map(({ contentID }) => contentID)).toHaveLength(18);
  });

  it('keep a log that a short listing says does not count, until what it replaced is gone', async () => {
    for (let n = 0; n < 8; n++) await write(entry(n));
    const inputs = await names('n');
    await blobs.compact();
    const [log] = await names('m');
    time.advance(2n * HOUR);
    await write(entry(8));
    let listings = 0;
    const over = decorateStorage(storage, {
      async *listBlobs(prefix, options) {
        const isShort = prefix === 'n' && ++listings === 2;
        for await (const listed of storage.listBlobs(prefix, options)) {
          if (!isShort || inputs.includes(listed.id)) yield listed;
        }
      },
    });
    await open(over).compact({ dropDeletedBeforeSeconds: 1 });
    expect(listings).toBe(2);
    expect(await names('n')).toEqual(expect.arrayContaining(inputs));
    for (let hour = 0; hour < 6; hour++) {
      time.advance(HOUR);
      await write(entry(9 + hour));
      await blobs.compact({ dropDeletedBeforeSeconds: 1 });
      const left = await names('n');
      // An input that is there without its log would count again.
      if (inputs.some((id) => left.includes(id))) expect(await names('m')).toContain(log);
    }
    expect((await names('n')).filter((id) => inputs.includes(id))).toEqual([]);
    expect(await names('m')).not.toContain(log);
  });

  it('are left alone where they are large or few, unless all are wanted', async () => {
    const { outputs } = (await mergeLargeBlob())!;
    for (let n = 0; n < 3; n++) await write(entry(n));
    expect(outputs[0]!.length).toBeGreaterThan(MAX_PACK_SIZE);
    expect(await blobs.compact()).toBeUndefined();
    expect(await blobs.compact({ maxSmallBlobs: 4 })).toBeUndefined();
    const small = await blobs.compact({ maxSmallBlobs: 1 });
    expect(small!.inputs.map(({ id }) => id)).not.toContain(outputs[0]!.id);
    expect(small!.inputs).toHaveLength(3);
    const all = await blobs.compact({ maxSmallBlobs: 1, allIndexes: true });
    expect(all!.inputs.map(({ id }) => id)).toContain(outputs[0]!.id);
  });

  it('drop entries that were deleted before the cut-off, after conflicts are decided', async () => {
    await write(entry(1, 10), entry(2, 10), entry(3, 10));
    await write(entry(1, 20, true), entry(2, 30, true));
    await write(entry(3, 5, true));
    await blobs.compact({ dropDeletedBeforeSeconds: 30 });
    expect(await contents()).toEqual([entry(2, 30, true), entry(3, 10)]);
    await blobs.compact({ dropDeletedBeforeSeconds: 31 });
    expect(await contents()).toEqual([entry(3, 10)]);
  });

  it('drop entries of contents that are named, live ones too', async () => {
    await write(entry(1, 10), entry(2, 10));
    await write(entry(1, 20), entry(3, 20, true));
    const dropContents = new Set([entry(1).contentID, entry(4).contentID]);
    await blobs.compact({ dropContents });
    expect(await contents()).toEqual([entry(2, 10), entry(3, 20, true)]);
  });

  it('become an empty index when everything is dropped', async () => {
    await write(entry(1, 20, true));
    const compaction = await blobs.compact({ dropDeletedBeforeSeconds: 21 });
    expect(compaction?.outputs).toHaveLength(1);
    expect(await contents()).toEqual([]);
  });

  it('count for nobody once the repository has epochs', async () => {
    await write(entry(1));
    await putLegacyPoison(storage, {});
    await expect(blobs.loadActive()).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('moved to epochs'),
    });
    const before = new LegacyIndexReader(withoutLegacyPoison(storage), sealer);
    expect((await before.loadActive()).blobs).toHaveLength(1);
  });

  it('ignore a log that vanishes, and fail on one that is damaged', async () => {
    await write(entry(1));
    const log = sealer.seal(encodeCompactionLog([], []), 'm', '');
    await storage.putBlob(log.id, log.bytes.subarray(1));
    await expect(blobs.loadActive()).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
  });

  it('write logs as Kopia does', () => {
    const text = decodeUtf8(encodeCompactionLog([blob('n1', 5, 1_500_000_000n)], []), 'log');
    expect(text).toBe(
      '{"inputMetadata":[{"id":"n1","length":5,"timestamp":"1970-01-01T00:00:01.5Z"}],"outputMetadata":[]}',
    );
  });
});
