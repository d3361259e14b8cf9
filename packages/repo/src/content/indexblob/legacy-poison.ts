import { decorateStorage } from '../../blob/decorate-storage.ts';
import {
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobStorage,
} from '../../blob/storage.ts';
import { encodeUtf8 } from '../../bytes.ts';
import { hasCode } from '../../errors.ts';

/** No index, although its name says so: who knows no epochs fails over it instead of reading an outdated index. */
export const LEGACY_POISON_BLOB_ID: BlobID = parseBlobID(
  'n00000000000000000000000000000000-repository_unreadable_by_this_kopia_version_upgrade_required',
);

const TEXT = 'The indexes of this repository are in epochs: a newer program is needed to read it.';

export async function putLegacyPoison(storage: BlobStorage, options: AbortOptions): Promise<void> {
  await storage.putBlob(LEGACY_POISON_BLOB_ID, encodeUtf8(TEXT), options);
}

export async function hasLegacyPoison(
  storage: BlobReader,
  options: AbortOptions,
): Promise<boolean> {
  try {
    await storage.getMetadata(LEGACY_POISON_BLOB_ID, options);
    return true;
  } catch (error) {
    if (hasCode(error, 'BLOB_NOT_FOUND')) return false;
    throw error;
  }
}

/** The storage as it was before the mark was put: for those who compare old indexes with new ones. */
export function withoutLegacyPoison(storage: BlobStorage): BlobStorage {
  return decorateStorage(storage, {
    listBlobs: (prefix, options) => withoutPoison(storage.listBlobs(prefix, options)),
  });
}

async function* withoutPoison(
  blobs: AsyncIterable<BlobMetadata>,
): AsyncGenerator<BlobMetadata, void, void> {
  for await (const blob of blobs) if (blob.id !== LEGACY_POISON_BLOB_ID) yield blob;
}
