import { describe, expect, it } from 'vitest';
import { createErrorCorrection } from '../packages/repo/src/ecc/reed-solomon-crc32.ts';
import type { BlobReader } from '../packages/repo/src/blob/storage.ts';
import { createSystemClock, systemSleep } from '../packages/repo/src/clock.ts';
import type { ContentInfo } from '../packages/repo/src/content/content-info.ts';
import {
  createIndexRecord,
  type IndexRecord,
} from '../packages/repo/src/content/index/index-record.ts';
import {
  buildIndex,
  buildIndexFromRecords,
} from '../packages/repo/src/content/index/index-builder.ts';
import { openPackIndex, type PackIndex } from '../packages/repo/src/content/index/pack-index.ts';
import { recoverPackIndex } from '../packages/repo/src/content/index/recover.ts';
import { BlobSealer } from '../packages/repo/src/content/indexblob/blob-sealing.ts';
import { IndexBlobFetcher } from '../packages/repo/src/content/indexblob/index-blob-fetcher.ts';
import { LegacyIndexReader } from '../packages/repo/src/content/indexblob/legacy-index-blobs.ts';
import { LoadedIndexes } from '../packages/repo/src/content/indexblob/loaded-indexes.ts';
import { EpochStateReader } from '../packages/repo/src/epoch/epoch-state-reader.ts';
import { openFormat } from '../packages/repo/src/format/format-manager.ts';
import type { RepositoryFormat } from '../packages/repo/src/format/parameters.ts';
import { openFilesystemStorage } from '../packages/repo/src/node/filesystem-storage.ts';
import { nativeAlgorithms } from '../packages/repo/src/node/native-algorithms.ts';
import { goldenRepositories, type GoldenRepository } from './golden.ts';

const goldens = goldenRepositories();
const algorithms = nativeAlgorithms();
const clock = createSystemClock();

interface OpenGolden {
  readonly storage: BlobReader;
  readonly format: RepositoryFormat;
  readonly sealer: BlobSealer;
  readonly v1Overhead: number;
  readonly indexes: LoadedIndexes;
}

async function open(golden: GoldenRepository): Promise<OpenGolden> {
  const storage = await openFilesystemStorage({ path: golden.path });
  const { password } = golden.expected;
  const format = (await openFormat({ storage, algorithms, clock, password })).current();
  const cipher = await algorithms.createCipher(format.encryption, format.masterKey);
  const sealer = new BlobSealer({
    hash: await algorithms.createHash(format.hash, format.secret),
    cipher,
    errorCorrection:
      format.ecc === undefined ? undefined : createErrorCorrection(format.ecc.overheadPercent),
  });
  const fetcher = new IndexBlobFetcher({ storage, sealer, v1Overhead: cipher.overhead });
  const source = format.epochParameters.enabled
    ? new EpochStateReader({ storage, clock, parameters: () => format.epochParameters })
    : new LegacyIndexReader(storage, sealer);
  const indexes = new LoadedIndexes({ source, fetcher, sleep: systemSleep });
  return { storage, format, sealer, v1Overhead: cipher.overhead, indexes };
}

/** As `kopia content list --json` shows it. */
function toKopia(info: ContentInfo): Record<string, unknown> {
  return {
    contentID: info.contentID,
    packFile: info.packBlobID,
    packOffset: info.packOffset,
    length: info.packedLength,
    originalLength: info.originalLength,
    time: info.timestampSeconds,
    deleted: info.deleted,
    formatVersion: info.formatVersion,
    ...(info.compressionHeaderID === 0 ? {} : { compression: info.compressionHeaderID }),
  };
}

function* records(index: PackIndex): Generator<IndexRecord, void> {
  const record = createIndexRecord();
  for (let entry = 0; entry < index.entryCount; entry++) {
    index.readRecord(entry, record);
    yield record;
  }
}

function* infos(index: PackIndex): Generator<ContentInfo, void> {
  for (let entry = 0; entry < index.entryCount; entry++) yield index.infoAt(entry);
}

/** Rebuilds an index file from its entries; what follows the last name is taken over. */
function rebuild(file: Uint8Array, v1Overhead: number): Uint8Array {
  const index = openPackIndex(file, 'golden index', { v1Overhead });
  const version = file[0] === 1 ? 1 : 2;
  const [bare] = buildIndexFromRecords(records(index), { version });
  const randomSuffix = file.subarray(bare!.length);
  expect([0, 32]).toContain(randomSuffix.length);
  return buildIndex(infos(index), { version, randomSuffix })[0]!;
}

it('there are golden repositories', () => {
  expect(goldens.length).toBeGreaterThan(0);
});

describe.each(goldens.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
  it('lists the contents that Kopia lists, and finds each of them', async () => {
    const { indexes } = await open(golden);
    const merged = await indexes.refresh();
    const listed = [...merged.iterate({ includeDeleted: true })];
    const byID = new Map(golden.expected.contents.map((item) => [item['contentID'], item]));
    expect(listed.map(toKopia)).toEqual(listed.map(({ contentID }) => byID.get(contentID)));
    expect(listed.length).toBe(golden.expected.contents.length);
    for (const info of listed) expect(merged.find(info.contentID)).toEqual(info);
    const live = [...merged.iterate()];
    expect(live).toEqual(listed.filter(({ deleted }) => !deleted));
  });

  it('builds every index blob again byte for byte', async () => {
    const { storage, sealer, v1Overhead, format } = await open(golden);
    let count = 0;
    for await (const { id } of storage.listBlobs(format.epochParameters.enabled ? 'x' : 'n')) {
      if (/^x[ew]/.test(id)) continue;
      const file = sealer.open(id, await storage.getBlob(id));
      expect(rebuild(file, v1Overhead)).toEqual(file);
      count += 1;
    }
    expect(count).toBeGreaterThan(0);
  });

  it('recovers the entries of every pack from the pack itself', async () => {
    const { storage, sealer, v1Overhead, indexes } = await open(golden);
    const merged = await indexes.refresh();
    const recovered = new Map<string, ContentInfo>();
    for (const prefix of ['p', 'q']) {
      for await (const pack of storage.listBlobs(prefix)) {
        const opener: Parameters<typeof recoverPackIndex>[2] = {
          openUnderWholeHash(hash, bytes, what) {
            const file = sealer.openUnderWholeHash(hash, bytes, what);
            expect(rebuild(file, v1Overhead)).toEqual(file);
            return file;
          },
        };
        const index = await recoverPackIndex(storage, pack, opener, { v1Overhead });
        for (const info of infos(index)) {
          if (info.packBlobID === pack.id) recovered.set(`${pack.id}/${info.contentID}`, info);
        }
      }
    }
    for (const info of merged.iterate({ includeDeleted: true })) {
      const { deleted: _, timestampSeconds, ...place } = info;
      const found = recovered.get(`${info.packBlobID}/${info.contentID}`);
      expect(found).toMatchObject(place);
      expect(found!.timestampSeconds).toBeLessThanOrEqual(timestampSeconds);
    }
  });
});
