import { ByteReader } from '../../bytes.ts';
import { CorruptDataError } from '../../errors.ts';
import { BinaryIndex, type IndexValues } from './binary-index.ts';
import type { IndexRecord } from './index-record.ts';
import type { PackIndex } from './pack-index.ts';
import { PackNames } from './pack-names.ts';
import { SortedKeys } from './sorted-keys.ts';

/*
 * header   u8 version 2 | u8 key size | u16 value size 16..19 | u32 entry count | u32 pack count
 *          | u8 format count | u32 base time
 * entries  key | value
 * value    u32 time - base time | u32 deleted << 31 + pack offset | u24 original length
 *          | u24 packed length | u16 pack number
 *          | u8 format number | u8 pack number >> 16 | u4 original length >> 24, u4 packed length >> 24
 *          (the last three only as far as the value size reaches; absent ones are 0)
 * packs    u8 name length | u32 name offset in the file
 * formats  u32 compression header ID | u8 format version | u8 encryption key ID
 * names    anywhere after; usually concatenated
 */
export const V2_HEADER_SIZE = 17;
const V2_MIN_VALUE_SIZE = 16;
const V2_MAX_VALUE_SIZE = 19;
export const V2_PACK_SIZE = 5;
export const V2_FORMAT_SIZE = 6;
/** Key and value together. */
export const V2_MAX_STRIDE = 256;
export const V2_MAX_PACKS: number = 2 ** 24;
export const V2_MAX_FORMATS = 255;
export const V2_MAX_LENGTH: number = 2 ** 28 - 1;

interface EntryFormat {
  readonly compressionHeaderID: number;
  readonly formatVersion: number;
  readonly encryptionKeyID: number;
}

interface HeaderV2 {
  readonly valueSize: number;
  readonly packCount: number;
  readonly baseTime: number;
  readonly packsOffset: number;
  readonly formats: readonly EntryFormat[];
}

class ValuesV2 implements IndexValues {
  readonly byteLength: number;
  readonly #what: string;
  readonly #view: DataView;
  readonly #names: PackNames;
  readonly #header: HeaderV2;

  constructor(data: Uint8Array, header: HeaderV2, what: string) {
    this.byteLength = data.length;
    this.#what = what;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#names = new PackNames(data, what);
    this.#header = header;
  }

  isDeleted(offset: number): boolean {
    return this.#view.getUint8(offset + 4) >= 0x80;
  }

  read(_entry: number, offset: number, target: IndexRecord): void {
    const view = this.#view;
    const { valueSize, baseTime, formats } = this.#header;
    const formatNumber = valueSize > 16 ? view.getUint8(offset + 16) : 0;
    const packHigh = valueSize > 17 ? view.getUint8(offset + 17) : 0;
    const lengthsHigh = valueSize > 18 ? view.getUint8(offset + 18) : 0;
    const format = formats[formatNumber];
    if (format === undefined) {
      throw this.#error('formatNumber', offset + 16, `${formatNumber} of ${formats.length}`);
    }
    const flagsAndOffset = view.getUint32(offset + 4);
    target.timestampSeconds = baseTime + view.getUint32(offset);
    target.deleted = flagsAndOffset >= 0x80000000;
    target.packOffset = flagsAndOffset & 0x7fffffff;
    target.originalLength = ((lengthsHigh >> 4) << 24) | (view.getUint32(offset + 8) >>> 8);
    target.packedLength = ((lengthsHigh & 15) << 24) | (view.getUint32(offset + 10) & 0xffffff);
    target.packBlobID = this.#packName((packHigh << 16) | view.getUint16(offset + 14), offset + 14);
    target.compressionHeaderID = format.compressionHeaderID;
    target.formatVersion = format.formatVersion;
    target.encryptionKeyID = format.encryptionKeyID;
  }

  #packName(packNumber: number, offset: number): IndexRecord['packBlobID'] {
    const { packCount, packsOffset } = this.#header;
    if (packNumber >= packCount) {
      throw this.#error('packNumber', offset, `${packNumber} of ${packCount}`);
    }
    const pack = packsOffset + packNumber * V2_PACK_SIZE;
    return this.#names.at(this.#view.getUint32(pack + 1), this.#view.getUint8(pack));
  }

  #error(field: string, offset: number, problem: string): CorruptDataError {
    return new CorruptDataError(`${this.#what}: ${field} at offset ${offset}: ${problem}`, {
      field,
      offset,
    });
  }
}

/** Opens a version 2 index; damage is CORRUPT_DATA naming `what`. */
export function openIndexV2(data: Uint8Array, what: string): PackIndex {
  const reader = new ByteReader(data, what);
  reader.uint8('version');
  const keySize = reader.uint8('keySize');
  const valueSize = reader.uint16('valueSize');
  const count = reader.uint32('entryCount');
  const packCount = reader.uint32('packCount');
  const formatCount = reader.uint8('formatCount');
  const baseTime = reader.uint32('baseTime');
  const stride = keySize + valueSize;
  if (keySize <= 1) throw reader.error('keySize', `${keySize} is too small`);
  if (valueSize < V2_MIN_VALUE_SIZE || valueSize > V2_MAX_VALUE_SIZE) {
    throw reader.error('valueSize', `${valueSize} is not 16 to 19`);
  }
  if (stride > V2_MAX_STRIDE) throw reader.error('keySize', `${keySize} is too large`);
  reader.bytes(count * stride, 'entries');
  const packsOffset = reader.offset;
  reader.bytes(packCount * V2_PACK_SIZE, 'packs');
  const formats = Array.from({ length: formatCount }, () => ({
    compressionHeaderID: reader.uint32('compressionHeaderID'),
    formatVersion: reader.uint8('formatVersion'),
    encryptionKeyID: reader.uint8('encryptionKeyID'),
  }));
  const keys = new SortedKeys({ data, offset: V2_HEADER_SIZE, stride, keySize, count }, what);
  const header = { valueSize, packCount, baseTime, packsOffset, formats };
  return new BinaryIndex(keys, new ValuesV2(data, header, what));
}
