import { field, LongshoreError } from '@longshore/repo';

/** Where the blobs are: Kopia's name of the storage and its settings under Kopia's keys. */
export interface StorageConfig {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Sizes in bytes, ages in seconds. */
export interface CachingConfig {
  /** Absolute. */
  readonly cacheDirectory?: string;
  readonly maxCacheSize?: number;
  readonly contentCacheSizeLimitBytes?: number;
  readonly maxMetadataCacheSize?: number;
  readonly metadataCacheSizeLimitBytes?: number;
  readonly maxListCacheDuration?: number;
  readonly minMetadataSweepAge?: number;
  readonly minContentSweepAge?: number;
  readonly minIndexSweepAge?: number;
}

/** Nanoseconds. */
export const DEFAULT_FORMAT_CACHE_DURATION = 900_000_000_000n;

/** What this client is and may do. */
export interface ClientConfig {
  readonly hostname: string;
  readonly username: string;
  readonly readonly: boolean;
  readonly permissiveCacheLoading: boolean;
  readonly description: string;
  readonly enableActions: boolean;
  /** Nanoseconds; negative: off. */
  readonly formatBlobCacheDuration: bigint;
  readonly throttlingLimits: Readonly<Record<string, unknown>> | undefined;
}

/** The file that connects this machine to a repository; Kopia reads and writes the same one. */
export interface ConnectionConfig {
  readonly storage: StorageConfig;
  readonly caching: CachingConfig | undefined;
  readonly client: ClientConfig;
}

const CACHING_KEYS = [
  'cacheDirectory',
  'maxCacheSize',
  'contentCacheSizeLimitBytes',
  'maxMetadataCacheSize',
  'metadataCacheSizeLimitBytes',
  'maxListCacheDuration',
  'minMetadataSweepAge',
  'minContentSweepAge',
  'minIndexSweepAge',
] as const satisfies readonly (keyof CachingConfig)[];

/** INVALID_ARGUMENT naming `path` if the file is not what Kopia writes, UNSUPPORTED if it names an API server. */
export function parseConnectionConfig(json: unknown, path: string): ConnectionConfig {
  const storage = field(json, 'storage');
  if (storage === undefined || storage === null) {
    if (field(json, 'apiServer') !== undefined) {
      throw new LongshoreError(
        'UNSUPPORTED',
        `${path} connects to a repository server, which longshore cannot do; connect to its storage instead`,
        { path },
      );
    }
    throw malformed(path, 'storage');
  }
  const type = field(storage, 'type');
  const config = field(storage, 'config');
  if (typeof type !== 'string') throw malformed(path, 'storage.type');
  if (!isRecord(config)) throw malformed(path, 'storage.config');
  return {
    storage: { type, config },
    caching: parseCaching(field(json, 'caching') ?? undefined, path),
    client: {
      hostname: textOf(json, 'hostname', path),
      username: textOf(json, 'username', path),
      readonly: booleanOf(json, 'readonly', path),
      permissiveCacheLoading: booleanOf(json, 'permissiveCacheLoading', path),
      description: textOf(json, 'description', path),
      enableActions: booleanOf(json, 'enableActions', path),
      formatBlobCacheDuration: integerOf(json, 'formatBlobCacheDuration', path),
      throttlingLimits: limitsOf(json, path),
    },
  };
}

/** Members in Kopia's order, without those that it leaves out. */
export function connectionConfigJSON({ storage, caching, client }: ConnectionConfig): object {
  return {
    storage: { type: storage.type, config: storage.config },
    caching: caching === undefined ? undefined : cachingJSON(caching),
    ...clientJSON(client),
  };
}

/** The client's part, which `repository status` shows too. */
export function clientJSON(client: ClientConfig): object {
  const { formatBlobCacheDuration } = client;
  return {
    hostname: client.hostname,
    username: client.username,
    readonly: client.readonly || undefined,
    permissiveCacheLoading: client.permissiveCacheLoading || undefined,
    description: client.description || undefined,
    enableActions: client.enableActions,
    formatBlobCacheDuration: formatBlobCacheDuration === 0n ? undefined : formatBlobCacheDuration,
    throttlingLimits: client.throttlingLimits,
  };
}

function cachingJSON(caching: CachingConfig): object {
  return Object.fromEntries(CACHING_KEYS.map((key) => [key, caching[key] || undefined]));
}

function parseCaching(caching: unknown, path: string): CachingConfig | undefined {
  if (caching === undefined) return undefined;
  const entries = CACHING_KEYS.flatMap((key): [string, unknown][] => {
    const value = field(caching, key) ?? undefined;
    if (value === undefined) return [];
    const expected = key === 'cacheDirectory' ? 'string' : 'number';
    if (typeof value !== expected) throw malformed(path, `caching.${key}`);
    return [[key, value]];
  });
  return Object.fromEntries(entries);
}

function textOf(json: unknown, name: string, path: string): string {
  const value = field(json, name) ?? '';
  if (typeof value !== 'string') throw malformed(path, name);
  return value;
}

function booleanOf(json: unknown, name: string, path: string): boolean {
  const value = field(json, name) ?? false;
  if (typeof value !== 'boolean') throw malformed(path, name);
  return value;
}

function integerOf(json: unknown, name: string, path: string): bigint {
  const value = field(json, name) ?? 0;
  if (typeof value !== 'bigint' && !Number.isInteger(value)) throw malformed(path, name);
  return BigInt(value as number | bigint);
}

function limitsOf(json: unknown, path: string): Readonly<Record<string, unknown>> | undefined {
  const value = field(json, 'throttlingLimits') ?? undefined;
  if (value !== undefined && !isRecord(value)) throw malformed(path, 'throttlingLimits');
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(path: string, name: string): LongshoreError {
  return new LongshoreError(
    'INVALID_ARGUMENT',
    `${path} is not a connection file: ${name} is missing or malformed; connect again with "longshore repository connect"`,
    { path, field: name },
  );
}
