import type { BlobID } from '../blob/storage.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';

/** Numbers of one entry. */
const STRIDE = 9;

/**
 * Index entries on their way to a thread: a message with an object for each costs more than what is to be done with it,
 * and leaves more behind on both sides.
 */
export interface PackedInfos {
  readonly contentIDs: readonly ContentID[];
  /** Each pack once. */
  readonly packs: readonly BlobID[];
  /** Which pack, and the other fields, of each in turn. */
  readonly numbers: Float64Array;
}

export function packInfos(infos: readonly ContentInfo[]): PackedInfos {
  const packs: BlobID[] = [];
  const numbers = new Float64Array(STRIDE * infos.length);
  let pack = -1;
  for (let index = 0, at = 0; index < infos.length; index++, at += STRIDE) {
    const info = infos[index]!;
    // Neighbours mostly lie in one pack.
    if (packs[pack] !== info.packBlobID) {
      pack = packs.indexOf(info.packBlobID);
      if (pack < 0) pack = packs.push(info.packBlobID) - 1;
    }
    numbers[at] = pack;
    numbers[at + 1] = info.packOffset;
    numbers[at + 2] = info.packedLength;
    numbers[at + 3] = info.originalLength;
    numbers[at + 4] = info.timestampSeconds;
    numbers[at + 5] = info.deleted ? 1 : 0;
    numbers[at + 6] = info.formatVersion;
    numbers[at + 7] = info.compressionHeaderID;
    numbers[at + 8] = info.encryptionKeyID;
  }
  return { contentIDs: infos.map(({ contentID }) => contentID), packs, numbers };
}

/** One of those that were packed. */
export function unpackInfo(
  { contentIDs, packs, numbers }: PackedInfos,
  index: number,
): ContentInfo {
  const at = STRIDE * index;
  return {
    contentID: contentIDs[index]!,
    packBlobID: packs[numbers[at]!]!,
    packOffset: numbers[at + 1]!,
    packedLength: numbers[at + 2]!,
    originalLength: numbers[at + 3]!,
    timestampSeconds: numbers[at + 4]!,
    deleted: numbers[at + 5] === 1,
    formatVersion: numbers[at + 6]!,
    compressionHeaderID: numbers[at + 7]!,
    encryptionKeyID: numbers[at + 8]!,
  };
}
