import { ByteReader } from '../../bytes.ts';
import { CorruptDataError } from '../../errors.ts';
import { BinaryIndex, type IndexValues } from './binary-index.ts';
import type { IndexRecord } from './index-record.ts';
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

class ValuesV1 implements IndexValues {
  readonly byteLength: number;
  readonly #what: string;
  readonly #view: DataView;
  readonly #names: PackNames;
  readonly #overhead: number;

  constructor(data: Uint8Array, what: string, overhead: number) {
    this.byteLength = data.length;
    this.#what = what;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#names = new PackNames(data, what);
    this.#overhead = overhead;
  }

  isDeleted(offset: number): boolean {
    return this.#view.getUint8(offset + 12) >= 0x80;
  }

  read(entry: number, offset: number, target: IndexRecord): void {
    const view = this.#view;
    const flagsAndOffset = view.getUint32(offset + 12);
    const packedLength = view.getUint32(offset + 16);
    if (packedLength < this.#overhead) {
      throw new CorruptDataError(`${this.#what}: packed length ${packedLength} of entry ${entry}`, {
        field: 'packedLength',
        offset: offset + 16,
      });
    }
    target.timestampSeconds = view.getUint16(offset) * 0x100000000 + view.getUint32(offset + 2);
    target.formatVersion = view.getUint8(offset + 6);
    target.packBlobID = this.#names.at(view.getUint32(offset + 8), view.getUint8(offset + 7));
    target.deleted = flagsAndOffset >= 0x80000000;
    target.packOffset = flagsAndOffset & 0x7fffffff;
    target.packedLength = packedLength;
    target.originalLength = packedLength - this.#overhead;
    target.compressionHeaderID = 0;
    target.encryptionKeyID = 0;
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
  return new BinaryIndex(keys, new ValuesV1(data, what, overhead));
}
