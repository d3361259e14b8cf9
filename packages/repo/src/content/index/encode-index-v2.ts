import type { BlobID } from '../../blob/storage.ts';
import { encodeUtf8 } from '../../bytes.ts';
import { invalidEntry } from './entry-limits.ts';
import {
  formatKey,
  type EntryFormat,
  type EntrySurvey,
  type RecordSource,
} from './entry-survey.ts';
import type { IndexRecord } from './index-record.ts';
import {
  V2_FORMAT_SIZE,
  V2_HEADER_SIZE,
  V2_MAX_FORMATS,
  V2_MAX_LENGTH,
  V2_MAX_PACKS,
  V2_MAX_STRIDE,
  V2_PACK_SIZE,
} from './index-v2.ts';

const SHORT_LENGTH_LIMIT = 2 ** 24;
const SHORT_PACK_NUMBERS = 2 ** 16;

/** The entries, which `survey` is about, as a version 2 file of the smallest sufficient value size. */
export function encodeIndexV2(
  source: RecordSource,
  survey: EntrySurvey,
  suffix: Uint8Array,
): Uint8Array {
  const { count, keySize, packNumbers, formatNumbers, formats } = survey;
  const valueSize = chooseValueSize(survey);
  const stride = keySize + valueSize;
  checkLimits(survey, stride);
  const packsOffset = V2_HEADER_SIZE + count * stride;
  const formatsOffset = packsOffset + packNumbers.size * V2_PACK_SIZE;
  const namesOffset = formatsOffset + formats.length * V2_FORMAT_SIZE;
  const names = encodeUtf8([...packNumbers.keys()].join(''));
  const data = new Uint8Array(namesOffset + names.length + suffix.length);
  const view = new DataView(data.buffer);
  view.setUint8(0, 2);
  view.setUint8(1, keySize);
  view.setUint16(2, valueSize);
  view.setUint32(4, count);
  view.setUint32(8, packNumbers.size);
  view.setUint8(12, formats.length);
  let at = V2_HEADER_SIZE;
  for (const record of source()) {
    data.set(record.key, at);
    writeValue(view, at + keySize, valueSize, record, {
      pack: packNumbers.get(record.packBlobID)!,
      format: formatNumbers.get(formatKey(record))!,
    });
    at += stride;
  }
  writePacks(view, packsOffset, packNumbers.keys(), namesOffset);
  writeFormats(view, formatsOffset, formats);
  data.set(names, namesOffset);
  data.set(suffix, namesOffset + names.length);
  return data;
}

function chooseValueSize({ longest, packNumbers, formats }: EntrySurvey): number {
  if (longest >= SHORT_LENGTH_LIMIT) return 19;
  if (packNumbers.size > SHORT_PACK_NUMBERS) return 18;
  return formats.length > 1 ? 17 : 16;
}

function checkLimits({ longest, packNumbers, formats }: EntrySurvey, stride: number): void {
  if (longest > V2_MAX_LENGTH) throw invalidEntry('length', longest);
  if (stride > V2_MAX_STRIDE) throw invalidEntry('size', stride);
  if (packNumbers.size > V2_MAX_PACKS) throw invalidEntry('number of packs', packNumbers.size);
  if (formats.length > V2_MAX_FORMATS) throw invalidEntry('number of formats', formats.length);
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
  packs: Iterable<BlobID>,
  namesOffset: number,
): void {
  let at = packsOffset;
  let nameOffset = namesOffset;
  for (const { length } of packs) {
    view.setUint8(at, length);
    view.setUint32(at + 1, nameOffset);
    at += V2_PACK_SIZE;
    nameOffset += length;
  }
}

function writeFormats(
  view: DataView,
  formatsOffset: number,
  formats: readonly EntryFormat[],
): void {
  let at = formatsOffset;
  for (const format of formats) {
    view.setUint32(at, format.compressionHeaderID);
    view.setUint8(at + 4, format.formatVersion);
    view.setUint8(at + 5, format.encryptionKeyID);
    at += V2_FORMAT_SIZE;
  }
}
