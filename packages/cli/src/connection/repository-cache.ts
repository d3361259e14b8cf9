import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContentCache } from '@longshore/repo';
import type { ConnectionConfig } from '../config/connection-config.ts';
import { writePrivateFile } from '../config/config-file.ts';
import type { CommandContext } from '../context.ts';

const KEY_BYTES = 32;

/**
 * The disk cache of a connection, apart from the one that Kopia keeps in the same folder. None for a storage
 * that is as near as the cache would be. Its key is random and of this machine: what the cache gives back is
 * authenticated again like anything from the storage.
 */
export async function openCache(
  context: CommandContext,
  { storage, caching }: ConnectionConfig,
): Promise<ContentCache | undefined> {
  const folder = caching?.cacheDirectory;
  const maxBytes = Math.max(
    caching?.metadataCacheSizeLimitBytes ?? 0,
    caching?.maxMetadataCacheSize ?? 0,
    caching?.maxCacheSize ?? 0,
  );
  if (storage.type === 'filesystem' || folder === undefined || maxBytes <= 0) return undefined;
  const { createDiskCache } = await import('@longshore/repo/node');
  const own = join(folder, 'longshore');
  const hmacKey = cacheKey(join(own, 'key'));
  if (hmacKey === undefined) {
    context.log.warning(`no cache: ${own} cannot be written`);
    return undefined;
  }
  return createDiskCache({ folder: own, maxBytes, hmacKey });
}

function cacheKey(path: string): Uint8Array | undefined {
  try {
    const stored = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
    if (stored.length === KEY_BYTES) return stored;
  } catch {
    // Not there yet, or damaged: entries under another key are not found and in time swept.
  }
  const key = randomBytes(KEY_BYTES);
  try {
    writePrivateFile(path, key.toString('hex'));
    return key;
  } catch {
    return undefined;
  }
}
