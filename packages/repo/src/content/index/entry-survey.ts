import type { BlobID } from '../../blob/storage.ts';
import { checkRecord, invalidEntry } from './entry-limits.ts';
import type { IndexRecord } from './index-record.ts';

/** Entries in key order, one per content, that can be gone through more than once with the same result. */
export type RecordSource = () => Iterable<IndexRecord>;

/** Fields that entries share, kept once per file. */
export type EntryFormat = Pick<
  IndexRecord,
  'compressionHeaderID' | 'formatVersion' | 'encryptionKeyID'
>;

/** What has to be known of all entries before the first one can be written. */
export interface EntrySurvey {
  readonly count: number;
  /** 0 if there are no entries. */
  readonly keySize: number;
  /** Numbers in order of first appearance; the map is in that order. */
  readonly packNumbers: ReadonlyMap<BlobID, number>;
  readonly formatNumbers: ReadonlyMap<number, number>;
  readonly formats: readonly EntryFormat[];
  /** The greatest of all original and packed lengths. */
  readonly longest: number;
}

/** INVALID_ARGUMENT if a field is out of range or keys differ in size. */
export function surveyEntries(source: RecordSource): EntrySurvey {
  const packNumbers = new Map<BlobID, number>();
  const formatNumbers = new Map<number, number>();
  const formats: EntryFormat[] = [];
  let keySize = 0;
  let count = 0;
  let longest = 0;
  for (const record of source()) {
    checkRecord(record);
    if (count === 0) keySize = record.key.length;
    if (record.key.length !== keySize) throw invalidEntry('key size', record.key.length);
    if (!packNumbers.has(record.packBlobID)) packNumbers.set(record.packBlobID, packNumbers.size);
    const format = formatKey(record);
    if (!formatNumbers.has(format)) {
      const { compressionHeaderID, formatVersion, encryptionKeyID } = record;
      formatNumbers.set(format, formats.length);
      formats.push({ compressionHeaderID, formatVersion, encryptionKeyID });
    }
    longest = Math.max(longest, record.originalLength, record.packedLength);
    count += 1;
  }
  return { count, keySize, packNumbers, formatNumbers, formats, longest };
}

/** One number for the three fields. */
export function formatKey(format: EntryFormat): number {
  return (
    format.compressionHeaderID * 0x10000 + format.formatVersion * 0x100 + format.encryptionKeyID
  );
}
