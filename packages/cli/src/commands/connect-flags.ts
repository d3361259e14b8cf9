import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { defaultIdentity } from '../config/client-identity.ts';
import { defaultCacheRoot } from '../config/config-paths.ts';
import {
  DEFAULT_FORMAT_CACHE_DURATION,
  type CachingConfig,
  type ClientConfig,
} from '../config/connection-config.ts';
import type { CommandContext } from '../context.ts';
import { flag, refusedFlag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { duration, integer, text } from '../grammar/value-flags.ts';

const SECOND = 1_000_000_000n;
const MEBIBYTE = 2 ** 20;

/** Flags of connecting, whatever the storage. */
export const CONNECT_FLAGS = {
  'cache-directory': text('Folder of the local cache.', {
    env: 'KOPIA_CACHE_DIRECTORY',
    placeholder: 'PATH',
  }),
  'content-cache-size-mb': integer('Wanted size of the cache of contents.', {
    placeholder: 'MB',
    default: 5000,
  }),
  'content-cache-size-limit-mb': integer('Greatest size of the cache of contents.', {
    placeholder: 'MB',
    default: 0,
  }),
  'content-min-sweep-age': duration('Contents used so recently stay in the cache.', {
    default: 0n,
  }),
  'metadata-cache-size-mb': integer('Wanted size of the cache of metadata.', {
    placeholder: 'MB',
    default: 5000,
  }),
  'metadata-cache-size-limit-mb': integer('Greatest size of the cache of metadata.', {
    placeholder: 'MB',
    default: 0,
  }),
  'metadata-min-sweep-age': duration('Metadata used so recently stay in the cache.', {
    default: 0n,
  }),
  'index-min-sweep-age': duration('Indexes used so recently stay in the cache.', { default: 0n }),
  'max-list-cache-duration': duration('How long listings are remembered.', {
    default: 30n * SECOND,
  }),
  'override-hostname': text('Call this machine so.', { hidden: true, default: '' }),
  'override-username': text('Call the user so.', { hidden: true, default: '' }),
  readonly: flag('Connect for reading only.'),
  description: text('A description of the repository.', { default: '' }),
  'enable-actions': flag('Allow policies to run programs.'),
  'repository-format-cache-duration': duration('How long the format blob is remembered.', {
    hidden: true,
    default: 0n,
  }),
  'disable-repository-format-cache': flag('Do not remember the format blob.', { hidden: true }),
  'check-for-updates': refusedFlag({ isBoolean: true }),
  'permissive-cache-loading': refusedFlag({ isBoolean: true }),
} as const satisfies Flags;

export type ConnectFlagValues = FlagValues<typeof CONNECT_FLAGS>;

/** The client's part of a connection. `description` is what is said if the user says nothing. */
export function clientConfig(flags: ConnectFlagValues, description: string): ClientConfig {
  const identity = defaultIdentity();
  const cacheDuration = flags['repository-format-cache-duration'];
  return {
    hostname: flags['override-hostname'] || identity.hostName,
    username: flags['override-username'] || identity.userName,
    readonly: flags.readonly,
    permissiveCacheLoading: false,
    description: flags.description || description,
    enableActions: flags['enable-actions'],
    formatBlobCacheDuration: flags['disable-repository-format-cache']
      ? -1n
      : cacheDuration || DEFAULT_FORMAT_CACHE_DURATION,
    throttlingLimits: undefined,
  };
}

/** Kopia's own cache settings; an empty `maxCacheSize` turns the cache off. `uniqueID` names the repository, hex. */
export function cachingConfig(
  context: CommandContext,
  flags: ConnectFlagValues,
  uniqueID: string,
): CachingConfig {
  const chosen = flags['cache-directory'] ?? '';
  const name = createHash('sha256')
    .update(uniqueID, 'hex')
    .update(context.configFile)
    .digest('hex');
  return {
    cacheDirectory:
      chosen === ''
        ? join(defaultCacheRoot(context.env), name.slice(0, 16))
        : resolve(context.workingDirectory, chosen),
    maxCacheSize: flags['content-cache-size-mb'] * MEBIBYTE,
    contentCacheSizeLimitBytes: flags['content-cache-size-limit-mb'] * MEBIBYTE,
    maxMetadataCacheSize: flags['metadata-cache-size-mb'] * MEBIBYTE,
    metadataCacheSizeLimitBytes: flags['metadata-cache-size-limit-mb'] * MEBIBYTE,
    maxListCacheDuration: seconds(flags['max-list-cache-duration']),
    minMetadataSweepAge: seconds(flags['metadata-min-sweep-age']),
    minContentSweepAge: seconds(flags['content-min-sweep-age']),
    minIndexSweepAge: seconds(flags['index-min-sweep-age']),
  };
}

function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds / SECOND);
}
