import { KEY_DERIVATION_NAMES, type KeyDerivationName } from '../algorithms.ts';
import { parseBlobID, type BlobID } from '../blob/storage.ts';
import { encodeBase64, encodeUtf8 } from '../bytes.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import { FieldReader } from './field-reader.ts';
import { encodeGoJSON, encodeGoString, parseGoJSON } from './go-json.ts';

export const FORMAT_BLOB_ID: BlobID = parseBlobID('kopia.repository');

const FORMAT_ENCRYPTION = 'AES256_GCM';
const MIN_UNIQUE_ID_BYTES = 16;
const MAX_FORMAT_BLOB_BYTES = 1024 * 1024;

/** Keys in the order in which they are stored. */
const KEYS = [
  'tool',
  'buildVersion',
  'buildInfo',
  'uniqueID',
  'keyAlgo',
  'encryption',
  'encryptedBlockFormat',
] as const;

/** The readable shell of `kopia.repository`. Source: docs/format/format-blob.md. */
export interface FormatBlob {
  /** For people: which program wrote the repository. */
  readonly tool: string;
  readonly buildVersion: string;
  readonly buildInfo: string;
  /** Salt of every derivation; 32 random bytes in practice. */
  readonly uniqueID: Uint8Array;
  readonly keyDerivation: KeyDerivationName;
  /** The inner JSON under the format key. */
  readonly sealedFormat: Uint8Array;
  /** Members unknown here, kept when the blob is written again. */
  readonly otherMembers: ReadonlyMap<string, unknown>;
}

/** Bytes that are no format blob are CORRUPT_DATA; unknown algorithms are UNSUPPORTED. */
export function parseFormatBlob(bytes: Uint8Array): FormatBlob {
  if (bytes.length > MAX_FORMAT_BLOB_BYTES) {
    throw new CorruptDataError(`${FORMAT_BLOB_ID}: ${bytes.length} bytes are too many`);
  }
  const fields = new FieldReader(parseGoJSON(bytes, FORMAT_BLOB_ID), FORMAT_BLOB_ID);
  const encryption = fields.string('encryption');
  if (encryption !== FORMAT_ENCRYPTION) {
    throw unsupported('encryption', encryption);
  }
  const uniqueID = fields.bytes('uniqueID');
  if (uniqueID.length < MIN_UNIQUE_ID_BYTES) {
    throw fields.error('uniqueID', `shorter than ${MIN_UNIQUE_ID_BYTES} bytes`);
  }
  const known = new Set(KEYS.map((key) => key.toLowerCase()));
  return {
    tool: fields.string('tool'),
    buildVersion: fields.string('buildVersion'),
    buildInfo: fields.string('buildInfo'),
    uniqueID,
    keyDerivation: parseKeyDerivation(fields.string('keyAlgo')),
    sealedFormat: fields.bytes('encryptedBlockFormat'),
    otherMembers: new Map(fields.entries().filter(([key]) => !known.has(key.toLowerCase()))),
  };
}

function parseKeyDerivation(name: string): KeyDerivationName {
  const found = KEY_DERIVATION_NAMES.find((known) => known === name);
  if (found === undefined) throw unsupported('keyAlgo', name);
  return found;
}

function unsupported(key: string, value: string): LongshoreError {
  return new LongshoreError(
    'UNSUPPORTED',
    `${FORMAT_BLOB_ID}: ${key} ${JSON.stringify(value)} is not known to this version`,
    { field: key },
  );
}

/** One member per line, indented by two spaces, with a final newline: as Kopia lays it out. */
export function encodeFormatBlob(blob: FormatBlob): Uint8Array {
  const members = new Map<string, unknown>([
    ['tool', blob.tool],
    ['buildVersion', blob.buildVersion],
    ['buildInfo', blob.buildInfo],
    ['uniqueID', encodeBase64(blob.uniqueID)],
    ['keyAlgo', blob.keyDerivation],
    ['encryption', FORMAT_ENCRYPTION],
    ['encryptedBlockFormat', encodeBase64(blob.sealedFormat)],
    ...blob.otherMembers,
  ]);
  const lines = Array.from(
    members,
    ([key, value]) => `  ${encodeGoString(key)}: ${encodeGoJSON(value)}`,
  );
  return encodeUtf8(`{\n${lines.join(',\n')}\n}\n`);
}
