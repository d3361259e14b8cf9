import { KEY_DERIVATION_NAMES, type Algorithms, type KeyDerivationName } from '../algorithms.ts';
import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobRetention,
  type BlobStorage,
} from '../blob/storage.ts';
import type { Clock, RandomSource } from '../clock.ts';
import { CorruptDataError, hasCode, LongshoreError } from '../errors.ts';
import { ENCRYPTION_NAMES, type EncryptionName } from '../encryption/content-cipher.ts';
import { HASH_NAMES, type HashName } from '../hashing/content-hash.ts';
import { BLOBCFG_BLOB_ID, retentionOf, validateRetention } from './blobcfg-blob.ts';
import { DEFAULT_EPOCH_PARAMETERS, DISABLED_EPOCH_PARAMETERS } from './epoch-parameters.ts';
import { FORMAT_BLOB_ID } from './format-blob.ts';
import { FormatManager } from './format-manager.ts';
import { deriveFormatKeys, readIfPresent, sealFormatState } from './format-state.ts';
import { validateMaxPackSize, validatePassword } from './format-validation.ts';
import type { FormatVersion, RepositoryFormat } from './parameters.ts';
import { DEFAULT_MAX_PACK_SIZE, newFormatMembers } from './stored-format.ts';

const UNIQUE_ID_BYTES = 32;
const SECRET_BYTES = 32;
const MASTER_KEY_BYTES = 32;

export interface CreateFormatOptions extends AbortOptions {
  readonly password: string;
  readonly algorithms: Algorithms;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Default 3. */
  readonly version?: FormatVersion;
  /** Default `BLAKE2B-256-128`. */
  readonly hash?: HashName;
  /** Default `AES256-GCM-HMAC-SHA256`. */
  readonly encryption?: EncryptionName;
  /** Default `DYNAMIC-4M-BUZHASH`; the caller knows that it exists. */
  readonly splitter?: string;
  /** 1 to 100; default off. Not in version 1. */
  readonly eccOverheadPercent?: number;
  /** Bytes, 10 to 120 MiB; default 20 MiB. */
  readonly maxPackSize?: number;
  readonly retention?: BlobRetention | undefined;
  /** Default `scrypt-65536-8-1`. */
  readonly keyDerivation?: KeyDerivationName;
  /** Written for people to read: which program made the repository. */
  readonly build?: { readonly version: string; readonly info: string };
}

/**
 * Creates a repository's format on a storage that has none. REPOSITORY_EXISTS if there is one;
 * INVALID_ARGUMENT for options that Kopia would refuse; UNSUPPORTED for retention that the storage lacks.
 */
export async function createFormat(
  storage: BlobStorage,
  options: CreateFormatOptions,
): Promise<FormatManager> {
  const { algorithms, clock, password, retention, random, build } = options;
  validatePassword(password);
  if (retention !== undefined) validateRetention(retention);
  const format = newFormat(options);
  await refuseExisting(storage, options);
  const shell = {
    tool: 'longshore',
    buildVersion: build?.version ?? '',
    buildInfo: build?.info ?? '',
    uniqueID: randomBytes(random, UNIQUE_ID_BYTES),
    keyDerivation: options.keyDerivation ?? 'scrypt-65536-8-1',
    otherMembers: new Map<string, unknown>(),
  };
  const keys = await deriveFormatKeys(algorithms, shell, password);
  const members = newFormatMembers(format);
  const { bytes, state } = await sealFormatState(algorithms, shell, keys, members, retention);
  const loadedAt = clock();
  await putNew(storage, BLOBCFG_BLOB_ID, bytes.blobConfiguration, options);
  await putNew(storage, FORMAT_BLOB_ID, bytes.formatBlob, options);
  return new FormatManager({ storage, algorithms, clock }, state, loadedAt);
}

function newFormat(options: CreateFormatOptions): RepositoryFormat {
  const version = options.version ?? 3;
  const hash = options.hash ?? 'BLAKE2B-256-128';
  const encryption = options.encryption ?? 'AES256-GCM-HMAC-SHA256';
  const maxPackSize = options.maxPackSize ?? DEFAULT_MAX_PACK_SIZE;
  requireKnown('hash', HASH_NAMES, hash);
  requireKnown('encryption', ENCRYPTION_NAMES, encryption);
  if (options.keyDerivation !== undefined) {
    requireKnown('key derivation', KEY_DERIVATION_NAMES, options.keyDerivation);
  }
  requireKnown('format version', [1, 2, 3], version);
  validateMaxPackSize(maxPackSize);
  return {
    version,
    hash,
    encryption,
    ecc: newErrorCorrection(version, options.eccOverheadPercent ?? 0),
    secret: randomBytes(options.random, SECRET_BYTES),
    masterKey: randomBytes(options.random, MASTER_KEY_BYTES),
    maxPackSize,
    indexVersion: version === 1 ? 1 : 2,
    epochParameters: version === 1 ? DISABLED_EPOCH_PARAMETERS : DEFAULT_EPOCH_PARAMETERS,
    requiredFeatures: [],
    enablePasswordChange: version !== 1,
    splitter: options.splitter ?? 'DYNAMIC-4M-BUZHASH',
  };
}

function newErrorCorrection(
  version: FormatVersion,
  overheadPercent: number,
): RepositoryFormat['ecc'] {
  if (overheadPercent === 0) return undefined;
  if (version === 1) {
    throw new LongshoreError('INVALID_ARGUMENT', 'format version 1 has no error correction');
  }
  if (!Number.isInteger(overheadPercent) || overheadPercent < 0 || overheadPercent > 100) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the overhead of error correction must be a whole number of percent from 0 to 100',
    );
  }
  return { algorithm: 'REED-SOLOMON-CRC32', overheadPercent };
}

function requireKnown<T>(what: string, known: readonly T[], value: T): void {
  if (!known.includes(value)) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `unknown ${what} ${JSON.stringify(value)}; known are ${known.join(', ')}`,
    );
  }
}

function randomBytes(random: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random(bytes);
  return bytes;
}

async function refuseExisting(storage: BlobStorage, options: CreateFormatOptions): Promise<void> {
  const abort = abortOptions(options);
  const [formatBlob, blobConfiguration] = await Promise.all([
    readIfPresent(storage, FORMAT_BLOB_ID, abort),
    readIfPresent(storage, BLOBCFG_BLOB_ID, abort),
  ]);
  if (formatBlob !== undefined) throw existsError(storage);
  if (blobConfiguration === undefined) return;
  throw new CorruptDataError(
    `${storage.displayName} has ${BLOBCFG_BLOB_ID} but no ${FORMAT_BLOB_ID}: either a creation was interrupted, ` +
      `then remove ${BLOBCFG_BLOB_ID}, or a repository lost its format blob, then recover that`,
    { blobID: BLOBCFG_BLOB_ID },
  );
}

function existsError(storage: BlobStorage): LongshoreError {
  return new LongshoreError(
    'REPOSITORY_EXISTS',
    `there is a repository in ${storage.displayName} already`,
    { blobID: FORMAT_BLOB_ID },
  );
}

/** Where the storage can tell, only one of two clients that create at the same time gets through. */
async function putNew(
  storage: BlobStorage,
  id: BlobID,
  data: Uint8Array,
  options: CreateFormatOptions,
): Promise<void> {
  const retention = retentionOf(id, options.retention);
  try {
    await storage.putBlob(id, data, {
      ...abortOptions(options),
      ...(retention === undefined ? {} : { retention }),
      ...(storage.capabilities.putIfAbsent ? { ifAbsent: true } : {}),
    });
  } catch (error) {
    if (hasCode(error, 'ALREADY_EXISTS')) throw existsError(storage);
    throw error;
  }
}
