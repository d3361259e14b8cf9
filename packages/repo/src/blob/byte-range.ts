import { CorruptDataError, LongshoreError } from '../errors.ts';
import type { BlobID, ByteRange } from './storage.ts';

/**
 * The largest blob that a storage reads into memory, in bytes. Packs are tens of megabytes; a length
 * beyond this comes from damage or from a hostile storage, and is refused before anything is allocated.
 */
export const MAX_BLOB_LENGTH: number = 2 ** 31 - 1;

/** Offset and length must be non-negative safe integers; anything else is a mistake of the caller (INVALID_ARGUMENT). */
export function checkByteRange(id: BlobID, range: ByteRange): void {
  const { offset, length } = range;
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    !Number.isSafeInteger(offset + length)
  ) {
    throw new LongshoreError('INVALID_ARGUMENT', `blob ${id}: not a range: ${offset}+${length}`, {
      blobID: id,
    });
  }
  checkBlobLength(id, length);
}

/** CORRUPT_DATA for a length that is none or exceeds `maxLength`. */
export function checkBlobLength(
  id: BlobID,
  length: number,
  maxLength: number = MAX_BLOB_LENGTH,
): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > maxLength) {
    throw new CorruptDataError(`blob ${id}: length ${length} is not between 0 and ${maxLength}`, {
      blobID: id,
    });
  }
}

/** What every storage throws if a range reaches past the end. `blobLength` is given if the storage knows it. */
export function rangePastEndError(
  id: BlobID,
  range: ByteRange,
  blobLength?: number,
): CorruptDataError {
  const end = blobLength === undefined ? 'the end of the blob' : `its length of ${blobLength}`;
  return new CorruptDataError(
    `blob ${id}: bytes ${range.offset}+${range.length} reach past ${end}`,
    { blobID: id, offset: range.offset },
  );
}

/** The one wording of a missing blob, for all storages. */
export function blobNotFoundError(id: BlobID, cause?: unknown): LongshoreError {
  return new LongshoreError('BLOB_NOT_FOUND', `blob ${id}: not found`, {
    blobID: id,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What a put with `ifAbsent` throws when the blob is there. */
export function blobExistsError(id: BlobID, cause?: unknown): LongshoreError {
  return new LongshoreError('ALREADY_EXISTS', `blob ${id}: exists already`, {
    blobID: id,
    ...(cause === undefined ? {} : { cause }),
  });
}
