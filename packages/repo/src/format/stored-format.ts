import { encodeUtf8 } from '../bytes.ts';
import { ENCRYPTION_NAMES } from '../encryption/content-cipher.ts';
import { LongshoreError } from '../errors.ts';
import { HASH_NAMES } from '../hashing/content-hash.ts';
import { epochParametersJSON, parseEpochParameters } from './epoch-parameters.ts';
import { FieldReader } from './field-reader.ts';
import { FORMAT_BLOB_ID } from './format-blob.ts';
import { encodeGoJSON, parseGoJSON } from './go-json.ts';
import type {
  FormatVersion,
  IndexVersion,
  MutableParameters,
  RepositoryFormat,
} from './parameters.ts';
import { parseRequiredFeatures, requiredFeaturesJSON } from './required-features.ts';
import { parseUpgradeLock, upgradeLockJSON, type UpgradeLock } from './upgrade-lock.ts';

/** Bytes; what an absent `maxPackSize` means. */
export const DEFAULT_MAX_PACK_SIZE: number = 20 * 1024 * 1024;

const ECC_ALGORITHM = 'REED-SOLOMON-CRC32';
/** Offsets in packs have 30 bits. */
const MAX_PACK_SIZE_LIMIT = 2 ** 30;

/** Keys in the order in which they are stored. */
const KEYS = [
  'hash',
  'encryption',
  'ecc',
  'eccOverheadPercent',
  'secret',
  'masterKey',
  'version',
  'maxPackSize',
  'indexVersion',
  'epochParameters',
  'enablePasswordChange',
  'splitter',
  'upgradeLock',
  'requiredFeatures',
] as const;

/** JSON members of the inner format by their stored name. Those unknown here survive a rewrite. */
export type FormatMembers = ReadonlyMap<string, unknown>;

/** The inner JSON of `kopia.repository`: as the engine uses it, and as it is stored. */
export interface StoredFormat {
  readonly format: RepositoryFormat;
  readonly upgradeLock: UpgradeLock | undefined;
  readonly members: FormatMembers;
}

/**
 * Parses the opened inner JSON. A version or an algorithm that this code does not have is UNSUPPORTED;
 * the splitter's name is left to whoever creates the splitter.
 */
export function parseStoredFormat(plaintext: Uint8Array): StoredFormat {
  const root = new FieldReader(parseGoJSON(plaintext, FORMAT_BLOB_ID), FORMAT_BLOB_ID);
  const fields = root.object('format');
  const source = `${FORMAT_BLOB_ID}: format`;
  const version = parseVersion(fields.integer('version'));
  const masterKey = fields.bytes('masterKey');
  if (masterKey.length === 0) throw fields.error('masterKey', 'empty');
  const lock = fields.value('upgradeLock');
  return {
    format: {
      version,
      hash: knownName(HASH_NAMES, fields, 'hash'),
      encryption: knownName(ENCRYPTION_NAMES, fields, 'encryption'),
      ecc: parseErrorCorrection(fields),
      secret: fields.bytes('secret'),
      masterKey,
      maxPackSize: parseMaxPackSize(fields),
      indexVersion: parseIndexVersion(fields.integer('indexVersion')),
      epochParameters: parseEpochParameters(fields.value('epochParameters'), source),
      requiredFeatures: parseRequiredFeatures(fields.list('requiredFeatures'), source),
      enablePasswordChange: fields.boolean('enablePasswordChange'),
      splitter: fields.string('splitter'),
    },
    upgradeLock: lock === undefined ? undefined : parseUpgradeLock(lock, source),
    members: new Map(fields.entries().map(([key, value]) => [storedKey(key), value])),
  };
}

function storedKey(key: string): string {
  return KEYS.find((known) => known.toLowerCase() === key.toLowerCase()) ?? key;
}

function parseVersion(version: number): FormatVersion {
  if (version === 1 || version === 2 || version === 3) return version;
  throw new LongshoreError(
    'UNSUPPORTED',
    `the repository has format version ${version}; this version of longshore knows 1, 2 and 3`,
  );
}

function parseIndexVersion(version: number): IndexVersion {
  if (version === 0) return 1;
  if (version === 1 || version === 2) return version;
  throw new LongshoreError(
    'UNSUPPORTED',
    `the repository writes indexes of version ${version}; this version of longshore knows 1 and 2`,
  );
}

function parseMaxPackSize(fields: FieldReader): number {
  const size = fields.integer('maxPackSize');
  if (size < 0 || size > MAX_PACK_SIZE_LIMIT) throw fields.error('maxPackSize', 'out of range');
  return size === 0 ? DEFAULT_MAX_PACK_SIZE : size;
}

function parseErrorCorrection(fields: FieldReader): RepositoryFormat['ecc'] {
  const algorithm = fields.string('ecc');
  const overheadPercent = fields.integer('eccOverheadPercent');
  if (algorithm === '' || overheadPercent <= 0) return undefined;
  if (algorithm !== ECC_ALGORITHM) throw unknownAlgorithm('ecc', algorithm);
  if (overheadPercent > 100) throw fields.error('eccOverheadPercent', 'above 100');
  return { algorithm, overheadPercent };
}

function knownName<T extends string>(names: readonly T[], fields: FieldReader, key: string): T {
  const stored = fields.string(key);
  const name = names.find((known) => known === stored);
  if (name === undefined) throw unknownAlgorithm(key, stored);
  return name;
}

function unknownAlgorithm(key: string, name: string): LongshoreError {
  return new LongshoreError(
    'UNSUPPORTED',
    `the repository uses the ${key} algorithm ${JSON.stringify(name)}, which this version does not have`,
    { field: key },
  );
}

/** Members of a new repository. */
export function newFormatMembers(format: RepositoryFormat): FormatMembers {
  return changeFormatMembers(
    new Map<string, unknown>([
      ['hash', format.hash],
      ['encryption', format.encryption],
      ['ecc', format.ecc?.algorithm],
      ['eccOverheadPercent', format.ecc?.overheadPercent],
      ['secret', format.secret.length === 0 ? undefined : format.secret],
      ['masterKey', format.masterKey],
      ['enablePasswordChange', format.enablePasswordChange],
      ['splitter', format.splitter],
    ]),
    format,
  );
}

/** Members with the given parameters replaced and all others exactly as they were stored. */
export function changeFormatMembers(
  members: FormatMembers,
  changes: Partial<MutableParameters> & { readonly upgradeLock?: UpgradeLock | undefined },
): FormatMembers {
  const changed = new Map(members);
  const { version, maxPackSize, indexVersion, epochParameters, requiredFeatures } = changes;
  if (version !== undefined) changed.set('version', version);
  if (maxPackSize !== undefined) changed.set('maxPackSize', maxPackSize);
  if (indexVersion !== undefined) changed.set('indexVersion', indexVersion);
  if (epochParameters !== undefined) {
    changed.set('epochParameters', epochParametersJSON(epochParameters));
  }
  if (requiredFeatures !== undefined) {
    changed.set('requiredFeatures', requiredFeaturesJSON(requiredFeatures));
  }
  if ('upgradeLock' in changes) {
    const { upgradeLock } = changes;
    changed.set(
      'upgradeLock',
      upgradeLock === undefined ? undefined : upgradeLockJSON(upgradeLock),
    );
  }
  return changed;
}

/** The inner JSON: known members in Kopia's order, then the others. */
export function encodeStoredFormat(members: FormatMembers): Uint8Array {
  const ordered = new Map<string, unknown>();
  for (const key of KEYS) ordered.set(key, members.get(key));
  for (const [key, value] of members) ordered.set(key, value);
  return encodeUtf8(encodeGoJSON({ format: ordered }));
}
