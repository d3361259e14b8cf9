import { resolve } from 'node:path';
import type { CachingConfig } from '../config/connection-config.ts';
import { loadConfigFile, saveConfigFile } from '../config/config-file.ts';
import { expandHome } from '../config/config-paths.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, text } from '../grammar/value-flags.ts';

const MEGABYTE = 1_000_000;
const SECOND = 1_000_000_000n;

const FLAGS = {
  'cache-directory': text('Folder of the cache.'),
  'content-cache-size-mb': integer('Size of the cache of file data.', { placeholder: 'MB' }),
  'content-cache-size-limit-mb': integer('Size that it must never exceed.', { placeholder: 'MB' }),
  'content-min-sweep-age': duration('Younger data stay in the cache.'),
  'metadata-cache-size-mb': integer('Size of the cache of metadata.', { placeholder: 'MB' }),
  'metadata-cache-size-limit-mb': integer('Size that it must never exceed.', { placeholder: 'MB' }),
  'metadata-min-sweep-age': duration('Younger metadata stay in the cache.'),
  'index-min-sweep-age': duration('Younger indexes stay in the cache.'),
  'max-list-cache-duration': duration('How long a listing of index blobs is believed.'),
};

const SIZES = [
  ['content-cache-size-mb', 'maxCacheSize'],
  ['content-cache-size-limit-mb', 'contentCacheSizeLimitBytes'],
  ['metadata-cache-size-mb', 'maxMetadataCacheSize'],
  ['metadata-cache-size-limit-mb', 'metadataCacheSizeLimitBytes'],
] as const;

const AGES = [
  ['content-min-sweep-age', 'minContentSweepAge'],
  ['metadata-min-sweep-age', 'minMetadataSweepAge'],
  ['index-min-sweep-age', 'minIndexSweepAge'],
  ['max-list-cache-duration', 'maxListCacheDuration'],
] as const;

export const command: Command = defineCommand({
  summary: 'Change where the cache is and how large it may become.',
  details:
    'The connection file is shared with Kopia, which uses all of these settings; longshore uses the folder and the largest of the sizes.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    const config = loadConfigFile(context.configFile, context.env);
    const changes = changesOf(flags);
    const folder = flags['cache-directory'] ?? '';
    if (folder !== '') {
      const path = resolve(context.workingDirectory, expandHome(folder, context.env));
      Object.assign(changes, { cacheDirectory: path });
    }
    const entries = Object.entries(changes);
    if (entries.length === 0) throw new UsageError('no change was asked for');
    for (const [name, value] of entries) context.log.info(`${name}: ${value}`);
    saveConfigFile(context.configFile, { ...config, caching: { ...config.caching, ...changes } });
  },
});

function changesOf(flags: FlagValues<typeof FLAGS>): CachingConfig {
  const changes: Record<string, number> = {};
  for (const [flag, name] of SIZES) {
    const megabytes = flags[flag];
    if (megabytes === undefined) continue;
    if (megabytes < 0) throw new UsageError(`--${flag} must not be negative`);
    changes[name] = megabytes * MEGABYTE;
  }
  for (const [flag, name] of AGES) {
    const age = flags[flag];
    if (age === undefined) continue;
    if (age < 0n) throw new UsageError(`--${flag} must not be negative`);
    changes[name] = Number(age / SECOND);
  }
  return changes;
}
