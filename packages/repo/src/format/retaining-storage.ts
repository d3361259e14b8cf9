import { decorateStorage } from '../blob/decorate-storage.ts';
import type { BlobRetention, BlobStorage } from '../blob/storage.ts';
import { retentionOf } from './blobcfg-blob.ts';

/** Puts the object lock that `kopia.blobcfg` asks for on the blobs that it covers. */
export function withRetention(
  storage: BlobStorage,
  configuration: () => BlobRetention | undefined,
): BlobStorage {
  return decorateStorage(storage, {
    putBlob: (id, data, options = {}) => {
      const retention = options.retention ?? retentionOf(id, configuration());
      return storage.putBlob(
        id,
        data,
        retention === undefined ? options : { ...options, retention },
      );
    },
  });
}
