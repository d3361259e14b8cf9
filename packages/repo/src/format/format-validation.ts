import { LongshoreError } from '../errors.ts';

const MIB = 1024 * 1024;
const MIN_PACK_SIZE_MIB = 10;
const MAX_PACK_SIZE_MIB = 120;

/** Bytes; INVALID_ARGUMENT outside of 10 to 120 MiB. */
export function validateMaxPackSize(maxPackSize: number): void {
  if (
    !Number.isInteger(maxPackSize) ||
    maxPackSize < MIN_PACK_SIZE_MIB * MIB ||
    maxPackSize > MAX_PACK_SIZE_MIB * MIB
  ) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `the maximum pack size must be ${MIN_PACK_SIZE_MIB} to ${MAX_PACK_SIZE_MIB} MiB`,
    );
  }
}

/** A new password must have a character. It is otherwise taken as typed. */
export function validatePassword(password: string): void {
  if (password === '')
    throw new LongshoreError('INVALID_ARGUMENT', 'the password must not be empty');
}
