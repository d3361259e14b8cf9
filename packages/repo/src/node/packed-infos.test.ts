import { expect, it } from 'vitest';
import { parseBlobID } from '../blob/storage.ts';
import { makeContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import { packInfos, unpackInfo } from './packed-infos.ts';

function infoWith(index: number, pack: string): ContentInfo {
  return {
    contentID: makeContentID(index % 2 === 0 ? '' : 'k', new Uint8Array(16).fill(index)),
    packBlobID: parseBlobID(pack),
    packOffset: 2 ** 32 + index,
    packedLength: 100 + index,
    originalLength: 200 + index,
    timestampSeconds: 2 ** 33 + index,
    deleted: index % 3 === 0,
    formatVersion: 1 + (index % 3),
    compressionHeaderID: 0xfeed_0000 + index,
    encryptionKeyID: index,
  };
}

it('Index entries are the same after the message as before, and each pack is named once', () => {
  const infos = ['p1', 'p1', 'q2', 'p1', 'q2'].map((pack, index) => infoWith(index, pack));
  const packed = structuredClone(packInfos(infos));
  expect(packed.packs).toEqual(['p1', 'q2']);
  expect(infos.map((_, index) => unpackInfo(packed, index))).toEqual(infos);
});
