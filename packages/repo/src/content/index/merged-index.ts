import { LongshoreError } from '../../errors.ts';
import { decodeContentKey, type ContentID, type ContentPrefix } from '../content-id.ts';
import { compareContentInfo, type ConflictFields, type ContentInfo } from '../content-info.ts';
import type { IterateContentsOptions } from '../content-reader.ts';
import { ContentKeyEncoder } from './content-key.ts';
import { createIndexRecord, recordToInfo } from './index-record.ts';
import { mergeRecords, type KeyRange } from './merge-records.ts';
import type { PackIndex } from './pack-index.ts';

/**
 * Several indexes as one: per content the conflict rule picks an entry, and only then the deletion
 * watermark hides those that were deleted at or before it. Immutable.
 */
export class MergedIndex {
  readonly indexes: readonly PackIndex[];
  /** Unix seconds; undefined if nothing is hidden. */
  readonly deletionWatermarkSeconds: number | undefined;
  readonly #keys: ContentKeyEncoder = new ContentKeyEncoder();

  constructor(indexes: readonly PackIndex[], deletionWatermarkSeconds?: number) {
    this.indexes = indexes;
    this.deletionWatermarkSeconds = deletionWatermarkSeconds;
  }

  /** Entries of all indexes together: at least the number of contents. */
  get entryCount(): number {
    return this.indexes.reduce((sum, index) => sum + index.entryCount, 0);
  }

  /** Bytes held in memory. */
  get byteLength(): number {
    return this.indexes.reduce((sum, index) => sum + index.byteLength, 0);
  }

  /** The winning entry, deleted or not; undefined if there is none or the watermark hides it. */
  find(id: ContentID): ContentInfo | undefined {
    const key = this.#keys.encode(id);
    let winner: ContentInfo | undefined;
    for (const index of this.indexes) {
      const entry = index.indexOf(key);
      if (entry < 0) continue;
      const info = index.infoAt(entry, id);
      if (winner === undefined || compareContentInfo(info, winner) > 0) winner = info;
    }
    return winner === undefined || this.#isHidden(winner) ? undefined : winner;
  }

  /** Whether there is a winning entry and it is not deleted: without making an object, in nearly all cases. */
  isLive(key: Uint8Array): boolean {
    let only: { readonly index: PackIndex; readonly entry: number } | undefined;
    for (const index of this.indexes) {
      const entry = index.indexOf(key);
      if (entry < 0) continue;
      if (only !== undefined) {
        const id = decodeContentKey(key);
        const info = id === undefined ? undefined : this.find(id);
        return info !== undefined && !info.deleted;
      }
      only = { index, entry };
    }
    return only !== undefined && !only.index.isDeleted(only.entry);
  }

  /** Whether there is an entry that wins against this one, or is the same by the conflict rule; the watermark hides none. */
  outranks(key: Uint8Array, other: ConflictFields): boolean {
    const own = createIndexRecord();
    return this.indexes.some((index) => {
      const entry = index.indexOf(key);
      if (entry < 0) return false;
      index.readRecord(entry, own, key);
      return compareContentInfo(own, other) >= 0;
    });
  }

  /** In key order. INVALID_ARGUMENT if the prefix is not one that contents have. */
  *iterate(options: IterateContentsOptions = {}): Generator<ContentInfo, void> {
    const { prefix, includeDeleted = false } = options;
    const range = prefix === undefined ? {} : prefixRange(prefix);
    for (const record of mergeRecords(this.indexes, range)) {
      if (record.deleted && (!includeDeleted || this.#isHidden(record))) continue;
      yield recordToInfo(record);
    }
  }

  #isHidden(entry: Pick<ContentInfo, 'deleted' | 'timestampSeconds'>): boolean {
    const watermark = this.deletionWatermarkSeconds;
    return watermark !== undefined && entry.deleted && entry.timestampSeconds <= watermark;
  }
}

function prefixRange(prefix: ContentPrefix): KeyRange {
  if (!/^[g-z]?$/.test(prefix)) {
    throw new LongshoreError('INVALID_ARGUMENT', `not a content prefix: ${JSON.stringify(prefix)}`);
  }
  const first = prefix === '' ? 0 : prefix.charCodeAt(0);
  return { from: Uint8Array.of(first), to: Uint8Array.of(first + 1) };
}
