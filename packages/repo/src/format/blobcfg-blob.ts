import {
  parseBlobID,
  type BlobID,
  type BlobRetention,
  type RetentionMode,
} from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';
import { FieldReader } from './field-reader.ts';
import { encodeGoJSON, parseGoJSON } from './go-json.ts';
import type { BlobConfiguration } from './parameters.ts';

export const BLOBCFG_BLOB_ID: BlobID = parseBlobID('kopia.blobcfg');

const RETENTION_MODES: readonly RetentionMode[] = ['GOVERNANCE', 'COMPLIANCE', 'Locked'];
const MIN_RETENTION_NANOSECONDS = 24n * 3_600_000_000_000n;
/** Blobs that carry the lock: everything but session markers, logs, compaction logs and the maintenance schedule. */
export const LOCKED_PREFIXES = ['n', 'x', 'p', 'q', 'kopia.repository', 'kopia.blobcfg'] as const;

/** The opened inside of `kopia.blobcfg`; undefined unless both mode and period are set. */
export function parseBlobConfiguration(plaintext: Uint8Array): BlobConfiguration {
  const fields = new FieldReader(parseGoJSON(plaintext, BLOBCFG_BLOB_ID), BLOBCFG_BLOB_ID);
  const mode = fields.string('retentionMode');
  const periodNanoseconds = fields.int64('retentionPeriod');
  if (mode === '' || periodNanoseconds === 0n) return undefined;
  return { mode: parseRetentionMode(mode), periodNanoseconds };
}

/** UNSUPPORTED for a mode that no storage here can set: writing without it would leave blobs unlocked. */
function parseRetentionMode(text: string): RetentionMode {
  const mode = RETENTION_MODES.find((known) => known === text);
  if (mode === undefined) {
    throw new LongshoreError('UNSUPPORTED', `retention mode ${JSON.stringify(text)} is not known`);
  }
  return mode;
}

/** Compact JSON; `{}` when no retention is configured. */
export function encodeBlobConfiguration(configuration: BlobConfiguration): Uint8Array {
  return encodeUtf8(
    encodeGoJSON({
      retentionMode: configuration?.mode,
      retentionPeriod: configuration?.periodNanoseconds,
    }),
  );
}

/** INVALID_ARGUMENT for a period of less than 24 hours. */
export function validateRetention(retention: BlobRetention): void {
  if (retention.periodNanoseconds < MIN_RETENTION_NANOSECONDS) {
    throw new LongshoreError('INVALID_ARGUMENT', 'the retention period must be at least 24 hours');
  }
}

/** The lock that a put of this blob must carry: undefined without retention, and for blobs that must stay deletable. */
export function retentionOf(
  id: BlobID,
  configuration: BlobConfiguration,
): BlobRetention | undefined {
  return LOCKED_PREFIXES.some((prefix) => id.startsWith(prefix)) ? configuration : undefined;
}
