import { encodeUtf8 } from '../../bytes.ts';
import { LongshoreError } from '../../errors.ts';
import type { EntryTable } from './entry-table.ts';
import { createIndexRecord } from './index-record.ts';
import { V1_EMPTY_KEY_SIZE, V1_HEADER_SIZE, V1_VALUE_SIZE } from './index-v1.ts';

/** The chosen rows, sorted and unique, as a version 1 file. INVALID_ARGUMENT if one is compressed. */
export function encodeIndexV1(
  table: EntryTable,
  rows: Uint32Array,
  suffix: Uint8Array,
): Uint8Array {
  const keySize = rows.length === 0 ? V1_EMPTY_KEY_SIZE : table.keySize;
  const stride = keySize + V1_VALUE_SIZE;
  const namesOffset = V1_HEADER_SIZE + rows.length * stride;
  const { offsets, names } = layOutNames(table, rows, namesOffset);
  const data = new Uint8Array(namesOffset + names.length + suffix.length);
  const view = new DataView(data.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, keySize);
  view.setUint16(2, V1_VALUE_SIZE);
  view.setUint32(4, rows.length);
  const record = createIndexRecord();
  let at = V1_HEADER_SIZE;
  for (const row of rows) {
    table.read(row, record);
    if (record.compressionHeaderID !== 0 || record.encryptionKeyID !== 0) {
      throw new LongshoreError(
        'INVALID_ARGUMENT',
        'a version 1 index can say neither compression nor encryption key',
      );
    }
    data.set(record.key, at);
    const value = at + keySize;
    view.setUint32(value + 2, record.timestampSeconds);
    view.setUint8(value + 6, record.formatVersion);
    view.setUint8(value + 7, record.packBlobID.length);
    view.setUint32(value + 8, offsets[table.packNumberAt(row)]!);
    view.setUint32(value + 12, record.packOffset + (record.deleted ? 0x80000000 : 0));
    view.setUint32(value + 16, record.packedLength);
    at += stride;
  }
  data.set(encodeUtf8(names), namesOffset);
  data.set(suffix, namesOffset + names.length);
  return data;
}

/** Names in order of first appearance; `offsets` in the file by the table's pack number. */
function layOutNames(
  table: EntryTable,
  rows: Uint32Array,
  namesOffset: number,
): { readonly offsets: Uint32Array; readonly names: string } {
  const offsets = new Uint32Array(table.packCount);
  const parts: string[] = [];
  let offset = namesOffset;
  for (const row of rows) {
    const pack = table.packNumberAt(row);
    if (offsets[pack] !== 0) continue;
    const name = table.packName(pack);
    offsets[pack] = offset;
    parts.push(name);
    offset += name.length;
  }
  return { offsets, names: parts.join('') };
}
