import type { Algorithms } from '../algorithms.ts';
import type { AbortOptions, BlobID, BlobReader } from '../blob/storage.ts';
import { equalBytes } from '../bytes.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { CorruptDataError, hasCode, LongshoreError } from '../errors.ts';
import {
  BLOBCFG_BLOB_ID,
  encodeBlobConfiguration,
  parseBlobConfiguration,
} from './blobcfg-blob.ts';
import {
  encodeFormatBlob,
  FORMAT_BLOB_ID,
  parseFormatBlob,
  type FormatBlob,
} from './format-blob.ts';
import { encodeFormatReplica } from './format-replica.ts';
import { createFormatSealer, type FormatSealer } from './format-sealer.ts';
import type { BlobConfiguration } from './parameters.ts';
import { checkRequiredFeatures } from './required-features.ts';
import {
  encodeStoredFormat,
  parseStoredFormat,
  type FormatMembers,
  type StoredFormat,
} from './stored-format.ts';
import { refuseLocked } from './upgrade-lock.ts';

/** What the password gives: deriving it is slow by design, so it is done once. */
export interface FormatKeys {
  readonly formatKey: Uint8Array;
  readonly sealer: FormatSealer;
}

/** Both format blobs as they were read together, opened. Holds keys: never log it. */
export interface FormatState {
  readonly blob: FormatBlob;
  readonly blobBytes: Uint8Array;
  readonly keys: FormatKeys;
  readonly stored: StoredFormat;
  readonly blobConfiguration: BlobConfiguration;
  /** Starts each pack; empty where the password can change. */
  readonly packReplica: Uint8Array;
}

/** The two blobs as they lie on the storage. */
export interface FormatBlobBytes {
  readonly formatBlob: Uint8Array;
  /** Undefined if missing: no retention. */
  readonly blobConfiguration: Uint8Array | undefined;
}

export async function deriveFormatKeys(
  algorithms: Algorithms,
  blob: Pick<FormatBlob, 'keyDerivation' | 'uniqueID'>,
  password: string,
): Promise<FormatKeys> {
  const { keyDerivation, uniqueID } = blob;
  const formatKey = await algorithms.deriveFormatKey(keyDerivation, password, uniqueID);
  return { formatKey, sealer: await createFormatSealer(algorithms, formatKey, uniqueID) };
}

/** REPOSITORY_NOT_INITIALIZED if there is no format blob. */
export async function readFormatBlobs(
  storage: BlobReader,
  options: AbortOptions,
): Promise<FormatBlobBytes> {
  const [formatBlob, blobConfiguration] = await Promise.all([
    readIfPresent(storage, FORMAT_BLOB_ID, options),
    readIfPresent(storage, BLOBCFG_BLOB_ID, options),
  ]);
  if (formatBlob === undefined) {
    throw new LongshoreError(
      'REPOSITORY_NOT_INITIALIZED',
      `there is no repository in ${storage.displayName}: ${FORMAT_BLOB_ID} is missing`,
      { blobID: FORMAT_BLOB_ID },
    );
  }
  return { formatBlob, blobConfiguration };
}

/** A blob whose absence is an answer. */
export async function readIfPresent(
  storage: BlobReader,
  id: BlobID,
  options: AbortOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await storage.getBlob(id, options);
  } catch (error) {
    if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** INVALID_PASSWORD if the format blob does not open. */
export async function openFormatState(
  algorithms: Algorithms,
  bytes: FormatBlobBytes,
  blob: FormatBlob,
  keys: FormatKeys,
): Promise<FormatState> {
  const plaintext = keys.sealer.open(blob.sealedFormat);
  if (plaintext === undefined) {
    throw new LongshoreError('INVALID_PASSWORD', 'invalid repository password');
  }
  const stored = parseStoredFormat(plaintext);
  return {
    blob,
    blobBytes: bytes.formatBlob,
    keys,
    stored,
    blobConfiguration: openBlobConfiguration(keys.sealer, bytes.blobConfiguration),
    packReplica: stored.format.enablePasswordChange
      ? new Uint8Array()
      : await encodeFormatReplica(algorithms, bytes.formatBlob),
  };
}

function openBlobConfiguration(
  sealer: FormatSealer,
  sealed: Uint8Array | undefined,
): BlobConfiguration {
  if (sealed === undefined) return undefined;
  const plaintext = sealer.open(sealed);
  if (plaintext === undefined) {
    throw new CorruptDataError(
      `${BLOBCFG_BLOB_ID} does not open with the key that opens ${FORMAT_BLOB_ID}: it is damaged, or a change of ` +
        'the password was interrupted. Remove it and set the retention again',
      { blobID: BLOBCFG_BLOB_ID },
    );
  }
  return parseBlobConfiguration(plaintext);
}

/** Refuses what this client must not use at `now`; returns warnings. */
export function checkAccess(
  { format, upgradeLock }: StoredFormat,
  now: EpochNanoseconds,
  upgradeOwnerID: string | undefined,
): readonly string[] {
  const warnings = checkRequiredFeatures(format.requiredFeatures);
  refuseLocked(upgradeLock, now, upgradeOwnerID);
  return warnings;
}

/** A state that is not stored yet, and the bytes to store it with. */
export interface SealedFormat {
  readonly bytes: { readonly formatBlob: Uint8Array; readonly blobConfiguration: Uint8Array };
  readonly state: FormatState;
}

/** Seals both blobs and opens them again: what is about to replace the only copy has been read once. */
export async function sealFormatState(
  algorithms: Algorithms,
  shell: Omit<FormatBlob, 'sealedFormat'>,
  keys: FormatKeys,
  members: FormatMembers,
  blobConfiguration: BlobConfiguration,
): Promise<SealedFormat> {
  const sealedFormat = keys.sealer.seal(encodeStoredFormat(members));
  const bytes = {
    formatBlob: encodeFormatBlob({ ...shell, sealedFormat }),
    blobConfiguration: keys.sealer.seal(encodeBlobConfiguration(blobConfiguration)),
  };
  const blob = parseFormatBlob(bytes.formatBlob);
  return { bytes, state: await openFormatState(algorithms, bytes, blob, keys) };
}

/** True if contents written under one format can be read and found under the other. */
export function isSameRepository(a: FormatState, b: FormatState): boolean {
  const [left, right] = [a.stored.format, b.stored.format];
  return (
    equalBytes(a.blob.uniqueID, b.blob.uniqueID) &&
    equalBytes(left.secret, right.secret) &&
    equalBytes(left.masterKey, right.masterKey) &&
    left.hash === right.hash &&
    left.encryption === right.encryption &&
    left.ecc?.overheadPercent === right.ecc?.overheadPercent &&
    left.enablePasswordChange === right.enablePasswordChange
  );
}
