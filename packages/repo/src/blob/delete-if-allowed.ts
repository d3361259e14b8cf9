import { hasCode } from '../errors.ts';
import type { AbortOptions, BlobID, BlobStorage } from './storage.ts';

/**
 * Deletes a blob that does no harm where it stays: a key that may only append is no reason to fail. False if it stays
 * for that reason.
 */
export async function deleteIfAllowed(
  storage: BlobStorage,
  id: BlobID,
  options: AbortOptions = {},
): Promise<boolean> {
  try {
    await storage.deleteBlob(id, options);
    return true;
  } catch (error) {
    if (!hasCode(error, 'ACCESS_DENIED')) throw error;
    return false;
  }
}
