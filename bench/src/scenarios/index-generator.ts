import {
  createSystemClock,
  openRepository,
  parseBlobID,
  webRandomSource,
  type BlobStorage,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { createContentKernel } from '../../../packages/repo/src/content/create-kernel.ts';
import { buildIndexFromSorted } from '../../../packages/repo/src/content/index/index-builder.ts';
import {
  createIndexRecord,
  type IndexRecord,
} from '../../../packages/repo/src/content/index/index-record.ts';
import { BlobSealer } from '../../../packages/repo/src/content/indexblob/blob-sealing.ts';
import { EpochIndexBlobs } from '../../../packages/repo/src/content/indexblob/epoch-index-blobs.ts';
import { IndexBlobFetcher } from '../../../packages/repo/src/content/indexblob/index-blob-fetcher.ts';
import { createSeededBytes } from '../seeded-bytes.ts';

/** Entries of one index blob: as many as a compaction of a large repository leaves in one. */
const ENTRIES_PER_BLOB = 500_000;
/** Of a repository with contents of 400 KiB or so in packs of 20 MB. */
const CONTENTS_PER_PACK = 50;
const KEY_SIZE = 17;
/** Whole seconds, as Kopia stores them. */
const WRITTEN_AT = 1_767_225_600;

export interface GenerateOptions {
  readonly storage: BlobStorage;
  readonly password: string;
  readonly contents: number;
}

/**
 * Gives a new repository an index of so many contents, without packs: what an index costs shows without terabytes of
 * data. The index blobs are sealed and named like any others.
 */
export async function generateIndex({
  storage,
  password,
  contents,
}: GenerateOptions): Promise<void> {
  const algorithms = nativeAlgorithms();
  await using repository = await openRepository({ storage, password, algorithms });
  const { formatManager } = repository;
  const { parts } = await createContentKernel(algorithms, formatManager.current());
  const sealer = new BlobSealer(parts);
  const indexBlobs = new EpochIndexBlobs({
    storage,
    sealer,
    fetcher: new IndexBlobFetcher({ storage, sealer, v1Overhead: parts.cipher.overhead }),
    clock: createSystemClock(),
    random: webRandomSource,
    parameters: () => formatManager.current(),
  });
  for (let start = 0, blob = 0; start < contents; start += ENTRIES_PER_BLOB, blob++) {
    const count = Math.min(ENTRIES_PER_BLOB, contents - start);
    const files = buildIndexFromSorted(() => entries(blob, count), { version: 2 });
    await indexBlobs.writeIndexBlobs(files, `sbench${blob.toString(16).padStart(12, '0')}`);
  }
}

/** Keys ascend evenly through their whole range and differ in every byte, as hashes do. */
function* entries(blob: number, count: number): Generator<IndexRecord, void> {
  const seeded = createSeededBytes(1000 + blob);
  const record = createIndexRecord();
  const key = new Uint8Array(KEY_SIZE);
  const view = new DataView(key.buffer);
  const step = 2 ** 32 / count;
  const packs = Math.ceil(count / CONTENTS_PER_PACK);
  for (let i = 0; i < count; i++) {
    seeded.fillRandom(key.subarray(5));
    view.setUint32(1, Math.floor(i * step + seeded.fraction() * step * 0.9));
    key[0] = 0;
    const pack = blob * packs + seeded.between(0, packs - 1);
    record.key = key;
    record.packBlobID = packName(pack);
    record.packOffset = seeded.between(0, CONTENTS_PER_PACK - 1) * 400_000;
    record.packedLength = 400_000;
    record.originalLength = 400_000 - 28;
    record.timestampSeconds = WRITTEN_AT + Math.floor(i / 1000);
    record.formatVersion = 3;
    yield record;
  }
}

/** `p`, 32 digits that look random and the session, as pack names have them. */
function packName(pack: number): IndexRecord['packBlobID'] {
  const mixed = Math.imul(pack + 1, 0x9e3779b1) >>> 0;
  const digits = mixed.toString(16).padStart(8, '0') + pack.toString(16).padStart(24, '0');
  return parseBlobID(`p${digits}-sbench000000000000`);
}
