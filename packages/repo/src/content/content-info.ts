import type { BlobID } from '../blob/storage.ts';
import type { ContentID } from './content-id.ts';

/** One index entry: where a content lies. Lengths and offsets in bytes. */
export interface ContentInfo {
  readonly contentID: ContentID;
  readonly packBlobID: BlobID;
  readonly packOffset: number;
  /** Stored bytes: after compression, encryption and error correction. */
  readonly packedLength: number;
  readonly originalLength: number;
  /** Unix seconds. */
  readonly timestampSeconds: number;
  readonly deleted: boolean;
  /** The repository's format version when the content was written. */
  readonly formatVersion: number;
  /** 0: not compressed. */
  readonly compressionHeaderID: number;
  readonly encryptionKeyID: number;
}

/** What the conflict rule looks at. */
export type ConflictFields = Pick<ContentInfo, 'timestampSeconds' | 'deleted' | 'packBlobID'>;

/**
 * Which of two entries for one content wins: positive if `a`. Later time; then live over deleted; then the
 * greater pack. Source: docs/format/index.md, "conflict rule".
 */
export function compareContentInfo(a: ConflictFields, b: ConflictFields): number {
  if (a.timestampSeconds !== b.timestampSeconds) return a.timestampSeconds - b.timestampSeconds;
  if (a.deleted !== b.deleted) return a.deleted ? -1 : 1;
  if (a.packBlobID === b.packBlobID) return 0;
  return a.packBlobID < b.packBlobID ? -1 : 1;
}
