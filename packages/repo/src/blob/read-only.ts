import { LongshoreError } from '../errors.ts';
import { decorateStorage } from './decorate-storage.ts';
import type { BlobStorage } from './storage.ts';

/** Lets reads through and refuses every write with READ_ONLY, before it reaches `inner`. */
export function createReadOnlyStorage(inner: BlobStorage): BlobStorage {
  async function refuse(action: string, id: string): Promise<never> {
    throw new LongshoreError(
      'READ_ONLY',
      `cannot ${action} blob ${id}: ${inner.displayName} is open for reading only`,
      { blobID: id },
    );
  }
  return decorateStorage(inner, {
    capabilities: { objectLock: false, putIfAbsent: false },
    putBlob: (id) => refuse('write', id),
    deleteBlob: (id) => refuse('delete', id),
    extendRetention: (_extend, id) => refuse('extend the lock of', id),
  });
}
