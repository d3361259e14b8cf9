import { LongshoreError } from '../../errors.ts';
import type { IndexRecord } from './index-record.ts';

const UINT8_LIMIT = 2 ** 8;
const UINT31_LIMIT = 2 ** 31;
const UINT32_LIMIT = 2 ** 32;

/** INVALID_ARGUMENT naming the field if one is beyond what any index that we write can say. */
export function checkRecord(record: IndexRecord): void {
  check('pack name length', record.packBlobID.length, UINT8_LIMIT);
  check('pack offset', record.packOffset, UINT31_LIMIT);
  check('original length', record.originalLength, UINT32_LIMIT);
  check('packed length', record.packedLength, UINT32_LIMIT);
  check('time', record.timestampSeconds, UINT32_LIMIT);
  check('compression header ID', record.compressionHeaderID, UINT32_LIMIT);
  check('format version', record.formatVersion, UINT8_LIMIT);
  check('encryption key ID', record.encryptionKeyID, UINT8_LIMIT);
}

export function invalidEntry(field: string, value: number): LongshoreError {
  return new LongshoreError('INVALID_ARGUMENT', `index entry: ${field} ${value}`, { field });
}

function check(field: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) throw invalidEntry(field, value);
}
