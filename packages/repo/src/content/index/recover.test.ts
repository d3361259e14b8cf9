import { beforeEach, describe, expect, it } from 'vitest';
import { createManualTime } from '../../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../../blob/memory-storage.ts';
import { parseBlobID, type BlobMetadata } from '../../blob/storage.ts';
import { concatBytes } from '../../bytes.ts';
import { parseContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { encodePostamble, paddingLength } from '../pack-layout.ts';
import { buildIndex } from './index-builder.ts';
import { recoverPackIndex, type RecoveryIndexOpener } from './recover.ts';

const packID = parseBlobID('p1-s1');
const iv = new Uint8Array(16).fill(3);

/** Seals nothing: what was stored is the plaintext. */
const opener: RecoveryIndexOpener = {
  openUnderWholeHash(hash, bytes) {
    expect(hash).toEqual(iv);
    return bytes;
  },
};

let storage: MemoryStorage;

beforeEach(() => {
  storage = createMemoryStorage(createManualTime());
});

function entries(count: number): ContentInfo[] {
  return Array.from({ length: count }, (_, n) => ({
    contentID: parseContentID(n.toString(16).padStart(32, '0')),
    packBlobID: packID,
    packOffset: n,
    packedLength: 40,
    originalLength: 12,
    timestampSeconds: 1000,
    deleted: false,
    formatVersion: 3,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
  }));
}

async function putPack(count: number, lengthError = 0): Promise<BlobMetadata> {
  const contents = new Uint8Array(5000);
  const [index] = buildIndex(entries(count), { version: 2, randomSuffix: new Uint8Array(32) });
  const offset = contents.length + paddingLength(contents.length);
  const postamble = encodePostamble({
    iv,
    localIndexOffset: offset,
    localIndexLength: index!.length + lengthError,
  });
  const padding = new Uint8Array(offset - contents.length);
  await storage.putBlob(packID, concatBytes([contents, padding, index!, postamble]));
  return storage.getMetadata(packID);
}

describe('the recovery index of a pack', () => {
  it.each([1, 500])('is found at its end, with %i entries', async (count) => {
    const index = await recoverPackIndex(storage, await putPack(count), opener, { v1Overhead: 28 });
    expect(Array.from({ length: index.entryCount }, (_, n) => index.infoAt(n))).toEqual(
      entries(count),
    );
  });

  it('is CORRUPT_DATA naming the pack if there is no postamble', async () => {
    await storage.putBlob(packID, new Uint8Array(9000));
    const pack = await storage.getMetadata(packID);
    await expect(recoverPackIndex(storage, pack, opener, { v1Overhead: 28 })).rejects.toMatchObject(
      {
        code: 'CORRUPT_DATA',
        facts: { blobID: packID },
      },
    );
  });

  it('is CORRUPT_DATA if it claims to reach beyond the pack', async () => {
    for (const excess of [60, 2 ** 40]) {
      const pack = await putPack(2, excess);
      await expect(recoverPackIndex(storage, pack, opener, { v1Overhead: 28 })).rejects.toThrow(
        /beyond the pack/,
      );
    }
  });
});
