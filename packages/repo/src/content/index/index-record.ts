import type { BlobID } from '../../blob/storage.ts';
import { decodeContentKey, type ContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { CorruptDataError } from '../../errors.ts';
import { ContentKeyEncoder } from './content-key.ts';

/**
 * An index entry as a place to read into: millions of entries pass through one record instead of being
 * an object each. Iterators reuse theirs, so that a record is valid until the next step only.
 * Fields as in {@link ContentInfo}; `key` is a view of the index or table that was read.
 */
export interface IndexRecord {
  key: Uint8Array;
  packBlobID: BlobID;
  packOffset: number;
  packedLength: number;
  originalLength: number;
  timestampSeconds: number;
  deleted: boolean;
  formatVersion: number;
  compressionHeaderID: number;
  encryptionKeyID: number;
}

const NO_BYTES = new Uint8Array();

export function createIndexRecord(): IndexRecord {
  return {
    key: NO_BYTES,
    packBlobID: '' as BlobID,
    packOffset: 0,
    packedLength: 0,
    originalLength: 0,
    timestampSeconds: 0,
    deleted: false,
    formatVersion: 0,
    compressionHeaderID: 0,
    encryptionKeyID: 0,
  };
}

/** A lasting copy of a record; CORRUPT_DATA if the key's first byte is no content prefix. */
export function recordToInfo(record: IndexRecord, contentID?: ContentID): ContentInfo {
  return {
    contentID: contentID ?? keyToContentID(record.key),
    packBlobID: record.packBlobID,
    packOffset: record.packOffset,
    packedLength: record.packedLength,
    originalLength: record.originalLength,
    timestampSeconds: record.timestampSeconds,
    deleted: record.deleted,
    formatVersion: record.formatVersion,
    compressionHeaderID: record.compressionHeaderID,
    encryptionKeyID: record.encryptionKeyID,
  };
}

function keyToContentID(key: Uint8Array): ContentID {
  const id = decodeContentKey(key);
  if (id === undefined) {
    throw new CorruptDataError(`index entry: ${key[0]} is no content prefix`, { field: 'key' });
  }
  return id;
}

/** The entries as one reused record. */
export function* infosToRecords(entries: Iterable<ContentInfo>): Generator<IndexRecord, void> {
  const record = createIndexRecord();
  const keys = new ContentKeyEncoder();
  for (const info of entries) {
    infoToRecord(info, keys.encode(info.contentID), record);
    yield record;
  }
}

/** Fills a record; `key` is that of the info's content. */
export function infoToRecord(info: ContentInfo, key: Uint8Array, target: IndexRecord): void {
  target.key = key;
  target.packBlobID = info.packBlobID;
  target.packOffset = info.packOffset;
  target.packedLength = info.packedLength;
  target.originalLength = info.originalLength;
  target.timestampSeconds = info.timestampSeconds;
  target.deleted = info.deleted;
  target.formatVersion = info.formatVersion;
  target.compressionHeaderID = info.compressionHeaderID;
  target.encryptionKeyID = info.encryptionKeyID;
}
