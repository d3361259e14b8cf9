import { encodeUtf8 } from '../../bytes.ts';
import { LongshoreError } from '../../errors.ts';
import type { EntryTable } from './entry-table.ts';
import { createIndexRecord, type IndexRecord } from './index-record.ts';
import {
  V2_FORMAT_SIZE,
  V2_HEADER_SIZE,
  V2_MAX_LENGTH,
  V2_MAX_STRIDE,
  V2_PACK_SIZE,
} from './index-v2.ts';

const SHORT_LENGTH_LIMIT = 2 ** 24;
const SHORT_PACK_NUMBERS = 2 ** 16;
const UNUSED = 0xffffffff;

/** Numbers given to packs and formats of one file, in order of first appearance. */
interface Numbering {
  /** From the table's numbers to the file's. */
  readonly packs: Uint32Array;
  readonly formats: Uint32Array;
  /** The table's numbers in the order of the file. */
  readonly packOrder: readonly number[];
  readonly formatOrder: readonly number[];
  readonly longLengths: boolean;
}

/** The chosen rows, sorted and unique, as a version 2 file of the smallest sufficient value size. */
export function encodeIndexV2(
  table: EntryTable,
  rows: Uint32Array,
  suffix: Uint8Array,
): Uint8Array {
  const numbering = numberRows(table, rows);
  const { packOrder, formatOrder } = numbering;
  const valueSize = chooseValueSize(numbering);
  const stride = table.keySize + valueSize;
  if (stride > V2_MAX_STRIDE) {
    throw new LongshoreError('INVALID_ARGUMENT', `index entries of ${stride} bytes`);
  }
  const packsOffset = V2_HEADER_SIZE + rows.length * stride;
  const formatsOffset = packsOffset + packOrder.length * V2_PACK_SIZE;
  const namesOffset = formatsOffset + formatOrder.length * V2_FORMAT_SIZE;
  const names = packOrder.map((pack) => table.packName(pack)).join('');
  const data = new Uint8Array(namesOffset + names.length + suffix.length);
  const view = new DataView(data.buffer);
  view.setUint8(0, 2);
  view.setUint8(1, table.keySize);
  view.setUint16(2, valueSize);
  view.setUint32(4, rows.length);
  view.setUint32(8, packOrder.length);
  view.setUint8(12, formatOrder.length);
  const record = createIndexRecord();
  let at = V2_HEADER_SIZE;
  for (const row of rows) {
    table.read(row, record);
    data.set(record.key, at);
    writeValue(view, at + table.keySize, valueSize, record, {
      pack: numbering.packs[table.packNumberAt(row)]!,
      format: numbering.formats[table.formatNumberAt(row)]!,
    });
    at += stride;
  }
  writePacks(view, packsOffset, table, packOrder, namesOffset);
  writeFormats(view, formatsOffset, table, formatOrder);
  data.set(encodeUtf8(names), namesOffset);
  data.set(suffix, namesOffset + names.length);
  return data;
}

function numberRows(table: EntryTable, rows: Uint32Array): Numbering {
  const packs = new Uint32Array(table.packCount).fill(UNUSED);
  const formats = new Uint32Array(256).fill(UNUSED);
  const packOrder: number[] = [];
  const formatOrder: number[] = [];
  const record = createIndexRecord();
  let longest = 0;
  for (const row of rows) {
    const pack = table.packNumberAt(row);
    const format = table.formatNumberAt(row);
    if (packs[pack] === UNUSED) packs[pack] = packOrder.push(pack) - 1;
    if (formats[format] === UNUSED) formats[format] = formatOrder.push(format) - 1;
    table.read(row, record);
    longest = Math.max(longest, record.originalLength, record.packedLength);
  }
  if (longest > V2_MAX_LENGTH) {
    throw new LongshoreError('INVALID_ARGUMENT', `index entry: length ${longest}`);
  }
  return { packs, formats, packOrder, formatOrder, longLengths: longest >= SHORT_LENGTH_LIMIT };
}

function chooseValueSize({ longLengths, packOrder, formatOrder }: Numbering): number {
  if (longLengths) return 19;
  if (packOrder.length > SHORT_PACK_NUMBERS) return 18;
  return formatOrder.length > 1 ? 17 : 16;
}

function writeValue(
  view: DataView,
  at: number,
  valueSize: number,
  record: IndexRecord,
  numbers: { readonly pack: number; readonly format: number },
): void {
  const { originalLength, packedLength } = record;
  view.setUint32(at, record.timestampSeconds);
  view.setUint32(at + 4, record.packOffset + (record.deleted ? 0x80000000 : 0));
  view.setUint8(at + 8, (originalLength >>> 16) & 0xff);
  view.setUint16(at + 9, originalLength & 0xffff);
  view.setUint8(at + 11, (packedLength >>> 16) & 0xff);
  view.setUint16(at + 12, packedLength & 0xffff);
  view.setUint16(at + 14, numbers.pack & 0xffff);
  if (valueSize > 16) view.setUint8(at + 16, numbers.format);
  if (valueSize > 17) view.setUint8(at + 17, numbers.pack >>> 16);
  if (valueSize > 18) {
    view.setUint8(at + 18, ((originalLength >>> 24) << 4) | (packedLength >>> 24));
  }
}

function writePacks(
  view: DataView,
  packsOffset: number,
  table: EntryTable,
  packOrder: readonly number[],
  namesOffset: number,
): void {
  let at = packsOffset;
  let nameOffset = namesOffset;
  for (const pack of packOrder) {
    const { length } = table.packName(pack);
    view.setUint8(at, length);
    view.setUint32(at + 1, nameOffset);
    at += V2_PACK_SIZE;
    nameOffset += length;
  }
}

function writeFormats(
  view: DataView,
  formatsOffset: number,
  table: EntryTable,
  formatOrder: readonly number[],
): void {
  let at = formatsOffset;
  for (const formatNumber of formatOrder) {
    const format = table.format(formatNumber);
    view.setUint32(at, format.compressionHeaderID);
    view.setUint8(at + 4, format.formatVersion);
    view.setUint8(at + 5, format.encryptionKeyID);
    at += V2_FORMAT_SIZE;
  }
}
