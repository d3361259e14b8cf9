import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { RECENT_BLOBS_FILE } from '../connection/recent-blobs.ts';
import type { CachingConfig } from './connection-config.ts';

/**
 * Kopia, which may use the same connection file, remembers the format blobs in the cache folder for a while, and so does
 * longshore. Kopia would not open a repository whose password has changed, or another one in the same folder.
 */
export function forgetKopiaFormatCache(caching: CachingConfig | undefined): void {
  const folder = caching?.cacheDirectory;
  if (folder === undefined) return;
  for (const name of ['kopia.repository', 'kopia.blobcfg', RECENT_BLOBS_FILE]) {
    rmSync(join(folder, name), { force: true });
  }
}
