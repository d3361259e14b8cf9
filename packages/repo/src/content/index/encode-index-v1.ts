import type { BlobID } from '../../blob/storage.ts';
import { encodeUtf8 } from '../../bytes.ts';
import { LongshoreError } from '../../errors.ts';
import type { EntrySurvey, RecordSource } from './entry-survey.ts';
import { V1_EMPTY_KEY_SIZE, V1_HEADER_SIZE, V1_VALUE_SIZE } from './index-v1.ts';

/** The entries, which `survey` is about, as a version 1 file. INVALID_ARGUMENT if one is compressed. */
export function encodeIndexV1(
  source: RecordSource,
  survey: EntrySurvey,
  suffix: Uint8Array,
): Uint8Array {
  const { count, packNumbers } = survey;
  const keySize = count === 0 ? V1_EMPTY_KEY_SIZE : survey.keySize;
  const stride = keySize + V1_VALUE_SIZE;
  const namesOffset = V1_HEADER_SIZE + count * stride;
  const nameOffsets = layOutNames(packNumbers.keys(), namesOffset);
  const names = encodeUtf8([...packNumbers.keys()].join(''));
  const data = new Uint8Array(namesOffset + names.length + suffix.length);
  const view = new DataView(data.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, keySize);
  view.setUint16(2, V1_VALUE_SIZE);
  view.setUint32(4, count);
  let at = V1_HEADER_SIZE;
  for (const record of source()) {
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
    view.setUint32(value + 8, nameOffsets.get(record.packBlobID)!);
    view.setUint32(value + 12, record.packOffset + (record.deleted ? 0x80000000 : 0));
    view.setUint32(value + 16, record.packedLength);
    at += stride;
  }
  data.set(names, namesOffset);
  data.set(suffix, namesOffset + names.length);
  return data;
}

/** Where in the file each name begins. */
function layOutNames(names: Iterable<BlobID>, namesOffset: number): ReadonlyMap<BlobID, number> {
  const offsets = new Map<BlobID, number>();
  let offset = namesOffset;
  for (const name of names) {
    offsets.set(name, offset);
    offset += name.length;
  }
  return offsets;
}
