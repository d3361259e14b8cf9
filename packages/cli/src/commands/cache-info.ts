import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachingConfig } from '../config/connection-config.ts';
import { errnoOf } from '../config/errno.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { formatBytes } from '../output/units.ts';
import { CACHE_PARTS, connectedCache } from './cache-folder.ts';

const SECOND = 1_000_000_000n;

export const command: Command = defineCommand({
  summary: 'Show where the cache is and how much it holds.',
  flags: { path: flag('Only show where it is.') },
  args: {},
  async run(context, { flags }) {
    const { folder, caching } = connectedCache(context);
    if (flags.path) {
      context.print(`${folder}\n`);
      return;
    }
    let isEmpty = true;
    for (const part of CACHE_PARTS.toSorted()) {
      const size = await sizeOf(join(folder, part), context.signal);
      if (size === undefined) continue;
      isEmpty = false;
      const limits = limitsOf(part, caching);
      context.print(
        `${join(folder, part)}: ${size.files} files ${formatBytes(size.bytes)}${limits}\n`,
      );
    }
    if (isEmpty) {
      context.log.info(
        `${folder} is empty. longshore keeps no cache of a repository in a folder of this machine.`,
      );
    }
  },
});

function limitsOf(part: (typeof CACHE_PARTS)[number], caching: CachingConfig): string {
  if (part === 'blob-list') return ` (duration: ${seconds(caching.maxListCacheDuration ?? 0)})`;
  if (part === 'longshore') {
    const limit = Math.max(caching.maxCacheSize ?? 0, caching.maxMetadataCacheSize ?? 0);
    return ` (limit: ${formatBytes(limit)})`;
  }
  if (part === 'contents' || part === 'server-contents') {
    const { maxCacheSize, contentCacheSizeLimitBytes, minContentSweepAge = 600 } = caching;
    return describeLimits(maxCacheSize, contentCacheSizeLimitBytes, minContentSweepAge);
  }
  if (part === 'metadata') {
    const { maxMetadataCacheSize, metadataCacheSizeLimitBytes, minMetadataSweepAge } = caching;
    const age = minMetadataSweepAge ?? 86_400;
    return describeLimits(maxMetadataCacheSize, metadataCacheSizeLimitBytes, age);
  }
  return '';
}

function describeLimits(soft = 0, hard = 0, sweepAge: number): string {
  const hardLimit = hard > 0 ? formatBytes(hard) : 'none';
  return ` (soft limit: ${formatBytes(soft)}, hard limit: ${hardLimit}, min sweep age: ${seconds(sweepAge)})`;
}

function seconds(count: number): string {
  return formatGoDuration(BigInt(count) * SECOND);
}

/** Undefined if there is no such folder. Files that vanish meanwhile are not counted. */
async function sizeOf(
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number } | undefined> {
  let files = 0;
  let bytes = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      signal.throwIfAborted();
      if (!entry.isFile()) continue;
      const found = await lstat(join(entry.parentPath, entry.name)).catch(() => undefined);
      if (found === undefined) continue;
      files += 1;
      bytes += found.size;
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return { files, bytes };
}
