import { invariant } from '../../errors.ts';
import type { ContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { createIndexRecord, recordToInfo, type IndexRecord } from './index-record.ts';
import type { PackIndex } from './pack-index.ts';
import type { SortedKeys } from './sorted-keys.ts';

/** The values behind the keys of an index: all that its versions differ in. */
export interface IndexValues {
  /** Bytes of the whole index. */
  readonly byteLength: number;
  /** Fills all of `target` but its key from the value of `entry`, which begins at `offset`. */
  read(entry: number, offset: number, target: IndexRecord): void;
  /** Whether the value that begins at `offset` says that the content is deleted. */
  isDeleted(offset: number): boolean;
}

/** An index that is searched and read in its stored form. */
export class BinaryIndex implements PackIndex {
  readonly entryCount: number;
  readonly keySize: number;
  readonly byteLength: number;
  readonly #keys: SortedKeys;
  readonly #values: IndexValues;

  constructor(keys: SortedKeys, values: IndexValues) {
    this.entryCount = keys.count;
    this.keySize = keys.keySize;
    this.byteLength = values.byteLength;
    this.#keys = keys;
    this.#values = values;
  }

  keyAt(entry: number): Uint8Array {
    return this.#keys.keyAt(entry);
  }

  infoAt(entry: number, contentID?: ContentID): ContentInfo {
    const record = createIndexRecord();
    this.readRecord(entry, record);
    return recordToInfo(record, contentID);
  }

  isDeleted(entry: number): boolean {
    return this.#values.isDeleted(this.#valueOffset(entry));
  }

  readRecord(entry: number, target: IndexRecord, key?: Uint8Array): void {
    this.#values.read(entry, this.#valueOffset(entry), target);
    target.key = key ?? this.keyAt(entry);
  }

  lowerBound(key: Uint8Array): number {
    return this.#keys.lowerBound(key);
  }

  indexOf(key: Uint8Array): number {
    return this.#keys.indexOf(key);
  }

  find(key: Uint8Array): ContentInfo | undefined {
    const entry = this.#keys.indexOf(key);
    return entry < 0 ? undefined : this.infoAt(entry);
  }

  #valueOffset(entry: number): number {
    invariant(entry >= 0 && entry < this.entryCount, 'an index entry beyond the end is read');
    return this.#keys.offsetOf(entry) + this.keySize;
  }
}
