import { ByteReader } from '../../bytes.ts';
import { CorruptDataError, invariant } from '../../errors.ts';
import type { ContentID } from '../content-id.ts';
import type { ContentInfo } from '../content-info.ts';
import { createIndexRecord, recordToInfo, type IndexRecord } from './index-record.ts';
import type { PackIndex } from './pack-index.ts';
import { PackNames } from './pack-names.ts';
import { SortedKeys } from './sorted-keys.ts';

/*
 * header   u8 version 1 | u8 key size | u16 value size 20 | u32 entry count
 * entries  key | value
 * value    u48 time | u8 format version | u8 pack name length | u32 pack name offset in the file
 *          | u32 deleted << 31 + pack offset | u32 packed length
 * names    anywhere after; usually concatenated
 */
export const V1_HEADER_SIZE = 8;
export const V1_VALUE_SIZE = 20;

/** What writers put as the key size of an index without entries. */
export const V1_EMPTY_KEY_SIZE = 255;

class IndexV1 implements PackIndex {
  readonly entryCount: number;
  readonly keySize: number;
  readonly byteLength: number;
  readonly #what: string;
  readonly #view: DataView;
  readonly #keys: SortedKeys;
  readonly #names: PackNames;
  readonly #overhead: number;

  constructor(data: Uint8Array, keys: SortedKeys, what: string, overhead: number) {
    this.entryCount = keys.count;
    this.keySize = keys.keySize;
    this.byteLength = data.length;
    this.#what = what;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#keys = keys;
    this.#names = new PackNames(data, what);
    this.#overhead = overhead;
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
    invariant(entry >= 0 && entry < this.entryCount, 'an index entry beyond the end is read');
    return this.#view.getUint8(this.#keys.offsetOf(entry) + this.keySize + 12) >= 0x80;
  }

  readRecord(entry: number, target: IndexRecord, key?: Uint8Array): void {
    invariant(entry >= 0 && entry < this.entryCount, 'an index entry beyond the end is read');
    const view = this.#view;
    const value = this.#keys.offsetOf(entry) + this.keySize;
    const flagsAndOffset = view.getUint32(value + 12);
    const packedLength = view.getUint32(value + 16);
    if (packedLength < this.#overhead) {
      throw new CorruptDataError(`${this.#what}: packed length ${packedLength} of entry ${entry}`, {
        field: 'packedLength',
        offset: value + 16,
      });
    }
    target.key = key ?? this.keyAt(entry);
    target.timestampSeconds = this.#timestamp(value);
    target.formatVersion = view.getUint8(value + 6);
    target.packBlobID = this.#names.at(view.getUint32(value + 8), view.getUint8(value + 7));
    target.deleted = flagsAndOffset >= 0x80000000;
    target.packOffset = flagsAndOffset & 0x7fffffff;
    target.packedLength = packedLength;
    target.originalLength = packedLength - this.#overhead;
    target.compressionHeaderID = 0;
    target.encryptionKeyID = 0;
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

  #timestamp(value: number): number {
    return this.#view.getUint16(value) * 0x100000000 + this.#view.getUint32(value + 2);
  }
}

/** Opens a version 1 index; damage is CORRUPT_DATA naming `what`. */
export function openIndexV1(data: Uint8Array, what: string, overhead: number): PackIndex {
  const reader = new ByteReader(data, what);
  reader.uint8('version');
  const keySize = reader.uint8('keySize');
  const valueSize = reader.uint16('valueSize');
  const count = reader.uint32('entryCount');
  if (keySize <= 1) throw reader.error('keySize', `${keySize} is too small`);
  if (valueSize < V1_VALUE_SIZE) throw reader.error('valueSize', `${valueSize} is too small`);
  const stride = keySize + valueSize;
  reader.bytes(count * stride, 'entries');
  const keys = new SortedKeys({ data, offset: V1_HEADER_SIZE, stride, keySize, count }, what);
  return new IndexV1(data, keys, what, overhead);
}
