import { decorateStorage } from './decorate-storage.ts';
import { parseBlobID } from './storage.ts';
import type { BlobID, BlobMetadata, BlobStorage } from './storage.ts';

/**
 * The blobs of `inner` whose IDs start with `prefix`, seen without it. A prefix that makes an ID too long or
 * invalid is INVALID_ARGUMENT. Errors of `inner` name the full ID.
 */
export function createPrefixedStorage(inner: BlobStorage, prefix: string): BlobStorage {
  const outer = (id: BlobID): BlobID => parseBlobID(prefix + id);
  const withoutPrefix = (blob: BlobMetadata): BlobMetadata => ({
    ...blob,
    id: parseBlobID(blob.id.slice(prefix.length)),
  });

  async function* list(blobs: AsyncIterable<BlobMetadata>): AsyncGenerator<BlobMetadata> {
    for await (const blob of blobs) if (blob.id.length > prefix.length) yield withoutPrefix(blob);
  }

  return decorateStorage(inner, {
    displayName: `${inner.displayName} (prefix ${prefix})`,
    getBlob: async (id, options) => inner.getBlob(outer(id), options),
    getMetadata: async (id, options) => withoutPrefix(await inner.getMetadata(outer(id), options)),
    listBlobs: (listPrefix, options) => list(inner.listBlobs(prefix + listPrefix, options)),
    putBlob: async (id, data, options) => inner.putBlob(outer(id), data, options),
    deleteBlob: async (id, options) => inner.deleteBlob(outer(id), options),
    extendRetention: async (extend, id, retention, options) =>
      extend(outer(id), retention, options),
  });
}
