import type { Algorithms } from '../algorithms.ts';
import type { RepositoryFormat } from './parameters.ts';

/** Key of `kopia.maintenance`, 32 bytes. */
export const MAINTENANCE_SCHEDULE_PURPOSE = 'maintenance schedule';
/** Key that authenticates local cache files, 16 bytes in Kopia; nothing on storage depends on it. */
export const LOCAL_CACHE_PURPOSE = 'local-cache-integrity';

/**
 * A key for one purpose. The root is the master key where the password can change, else the format key:
 * `enablePasswordChange` decides, not the version, and a repository upgraded from version 1 never changes it.
 */
export function derivePurposeKey(
  algorithms: Pick<Algorithms, 'hkdfSha256'>,
  format: RepositoryFormat,
  keys: { readonly formatKey: Uint8Array; readonly uniqueID: Uint8Array },
  purpose: string,
  length: number,
): Promise<Uint8Array> {
  const lastingRoot = purpose === LOCAL_CACHE_PURPOSE ? format.secret : format.masterKey;
  const root = format.enablePasswordChange ? lastingRoot : keys.formatKey;
  return algorithms.hkdfSha256(root, keys.uniqueID, purpose, length);
}
