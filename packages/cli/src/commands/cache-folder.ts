import { LongshoreError } from '@longshore/repo';
import type { CachingConfig } from '../config/connection-config.ts';
import { loadConfigFile } from '../config/config-file.ts';
import type { CommandContext } from '../context.ts';

/** Folders in the cache folder: Kopia's parts, and the one where longshore keeps everything. */
export const CACHE_PARTS = [
  'contents',
  'metadata',
  'indexes',
  'index-blobs',
  'own-writes',
  'blob-list',
  'server-contents',
  'longshore',
] as const;

/** For a storage that is as near as a cache would be. */
export const NO_CACHE_NEEDED =
  'Nothing is cached: this storage is a folder, or the cache has no room.';

/** The cache of the connection. NOT_CONNECTED without a connection, INVALID_ARGUMENT without a cache. */
export function connectedCache({ configFile, env }: CommandContext): {
  readonly folder: string;
  readonly caching: CachingConfig;
} {
  const { caching = {} } = loadConfigFile(configFile, env);
  const { cacheDirectory: folder = '' } = caching;
  if (folder !== '') return { folder, caching };
  throw new LongshoreError('INVALID_ARGUMENT', `${configFile} connects without a cache`, {
    path: configFile,
  });
}
