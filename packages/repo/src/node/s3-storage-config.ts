import { decodeUtf8 } from '../bytes.ts';
import { CorruptDataError, describeError } from '../errors.ts';
import type { BlobID } from '../blob/storage.ts';

/** The object, next to the blobs, that chooses storage classes. It is no blob. */
export const STORAGE_CONFIG_NAME = '.storageconfig';
/** Bytes. A real one has a few hundred. */
export const MAX_STORAGE_CONFIG_LENGTH: number = 1024 * 1024;

/** The first entry whose prefix begins a blob ID decides the storage class of the new object. */
export interface S3StorageConfig {
  readonly blobOptions: readonly { readonly prefix: string; readonly storageClass: string }[];
}

/** CORRUPT_DATA if it is not what Kopia writes. */
export function parseS3StorageConfig(bytes: Uint8Array): S3StorageConfig {
  let json: unknown;
  try {
    json = JSON.parse(decodeUtf8(bytes, STORAGE_CONFIG_NAME));
  } catch (cause) {
    throw new CorruptDataError(`${STORAGE_CONFIG_NAME}: ${describeError(cause)}`, { cause });
  }
  const list = fieldOf(json, 'blobOptions') ?? [];
  if (!Array.isArray(list)) throw malformed('blobOptions');
  return {
    blobOptions: list.map((item: unknown) => {
      const prefix = fieldOf(item, 'prefix') ?? '';
      const storageClass = fieldOf(item, 'storageClass') ?? '';
      if (typeof prefix !== 'string') throw malformed('prefix');
      if (typeof storageClass !== 'string') throw malformed('storageClass');
      return { prefix, storageClass };
    }),
  };
}

/** Undefined: the default class of the bucket. */
export function storageClassOf(config: S3StorageConfig, id: BlobID): string | undefined {
  const option = config.blobOptions.find(({ prefix }) => id.startsWith(prefix));
  return option?.storageClass === '' ? undefined : option?.storageClass;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CorruptDataError(`${STORAGE_CONFIG_NAME}: not a JSON object`);
  }
  return Reflect.get(value, name);
}

function malformed(field: string): CorruptDataError {
  return new CorruptDataError(`${STORAGE_CONFIG_NAME}: ${field} is malformed`, { field });
}
