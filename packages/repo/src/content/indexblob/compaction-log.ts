import { parseBlobID, type BlobID, type BlobMetadata } from '../../blob/storage.ts';
import { encodeUtf8 } from '../../bytes.ts';
import { formatGoTime, type EpochNanoseconds } from '../../clock.ts';
import { CorruptDataError } from '../../errors.ts';
import { FieldReader } from '../../format/field-reader.ts';
import { encodeGoJSON, parseGoJSON } from '../../format/go-json.ts';

/** `m<hash>`: index blobs that were merged, and into which. Source: docs/format/index-blobs-and-epochs.md. */
export interface CompactionLog {
  readonly inputs: readonly BlobID[];
  readonly outputs: readonly BlobID[];
}

/** `l<hash>`: compaction logs to be deleted some time after the index blobs that they replaced. */
export interface CleanupList {
  readonly blobIDs: readonly BlobID[];
  /** By the storage's clock. */
  readonly scheduleTime: EpochNanoseconds;
}

export function encodeCompactionLog(
  inputs: readonly BlobMetadata[],
  outputs: readonly BlobMetadata[],
): Uint8Array {
  return encodeUtf8(
    encodeGoJSON({ inputMetadata: inputs.map(toJSON), outputMetadata: outputs.map(toJSON) }),
  );
}

/** Damage is CORRUPT_DATA naming `what`. */
export function parseCompactionLog(data: Uint8Array, what: string): CompactionLog {
  const fields = new FieldReader(parseGoJSON(data, what), what);
  return {
    inputs: blobIDs(fields, 'inputMetadata', what),
    outputs: blobIDs(fields, 'outputMetadata', what),
  };
}

export function encodeCleanupList(list: CleanupList): Uint8Array {
  return encodeUtf8(
    encodeGoJSON({
      blobIDs: list.blobIDs,
      cleanupScheduleTime: formatGoTime(list.scheduleTime),
    }),
  );
}

/** Damage is CORRUPT_DATA naming `what`. */
export function parseCleanupList(data: Uint8Array, what: string): CleanupList {
  const fields = new FieldReader(parseGoJSON(data, what), what);
  const scheduleTime = fields.time('cleanupScheduleTime');
  if (scheduleTime === undefined) throw fields.error('cleanupScheduleTime', 'missing');
  return {
    blobIDs: fields.list('blobIDs').map((id) => checkedBlobID(id, what)),
    scheduleTime,
  };
}

function toJSON(blob: BlobMetadata): Record<string, unknown> {
  return { id: blob.id, length: blob.length, timestamp: formatGoTime(blob.timestamp) };
}

function blobIDs(fields: FieldReader, name: string, what: string): readonly BlobID[] {
  return fields
    .list(name)
    .map((item) => checkedBlobID(new FieldReader(item, `${what}: ${name}`).string('id'), what));
}

function checkedBlobID(value: unknown, what: string): BlobID {
  try {
    return parseBlobID(String(value));
  } catch (cause) {
    throw new CorruptDataError(`${what}: not a blob ID`, { cause });
  }
}
