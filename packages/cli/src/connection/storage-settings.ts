import {
  field,
  GO_ZERO_TIME,
  LongshoreError,
  parseGoTime,
  type ThrottlingLimits,
} from '@longshore/repo';
import type { FilesystemStorageOptions, S3StorageOptions } from '@longshore/repo/node';
import type { StorageConfig } from '../config/connection-config.ts';

/** Settings of a filesystem repository out of Kopia's. INVALID_ARGUMENT naming the one that is malformed. */
export function filesystemSettings(config: StorageConfig['config']): FilesystemStorageOptions {
  const dirShards = field(config, 'dirShards') ?? undefined;
  if (dirShards !== undefined && !isNumberList(dirShards)) throw malformed('dirShards');
  return {
    path: textOf(config, 'path') ?? '',
    ...optional('fileMode', numberOf(config, 'fileMode')),
    ...optional('dirMode', numberOf(config, 'dirMode')),
    ...optional('uid', numberOf(config, 'uid')),
    ...optional('gid', numberOf(config, 'gid')),
    ...optional('dirShards', dirShards),
  };
}

/** Settings of an S3 repository out of Kopia's. UNSUPPORTED for ways to sign in that longshore does not have. */
export function s3Settings(config: StorageConfig['config']): S3StorageOptions {
  for (const name of ['roleARN', 'webIdentityToken', 'webIdentityTokenFile']) {
    const value = field(config, name) ?? '';
    if (value === '') continue;
    throw new LongshoreError(
      'UNSUPPORTED',
      `the storage setting ${name} is not supported by longshore; connect again without it`,
      { field: name },
    );
  }
  const rootCA = textOf(config, 'rootCA');
  return {
    bucket: textOf(config, 'bucket') ?? '',
    ...optional('prefix', textOf(config, 'prefix')),
    ...optional('endpoint', textOf(config, 'endpoint')),
    ...optional('region', textOf(config, 'region')),
    ...optional('accessKeyID', textOf(config, 'accessKeyID')),
    ...optional('secretAccessKey', textOf(config, 'secretAccessKey')),
    ...optional('sessionToken', textOf(config, 'sessionToken')),
    disableTLS: field(config, 'doNotUseTLS') === true,
    disableTLSVerification: field(config, 'doNotVerifyTLS') === true,
    ...(rootCA === undefined ? {} : { rootCA: atob(rootCA) }),
    ...optional('pointInTime', pointInTimeOf(config)),
  };
}

/** The moment that a connection shows instead of now, if it does. INVALID_ARGUMENT if it is none. */
export function pointInTimeOf(config: StorageConfig['config']): bigint | undefined {
  const text = textOf(config, 'pointInTime');
  if (text === undefined || text === GO_ZERO_TIME) return undefined;
  try {
    return parseGoTime(text, 'pointInTime');
  } catch {
    throw malformed('pointInTime');
  }
}

/** In the order in which the connection file has them. */
export const LIMIT_NAMES = [
  'readsPerSecond',
  'writesPerSecond',
  'listsPerSecond',
  'maxUploadSpeedBytesPerSecond',
  'maxDownloadSpeedBytesPerSecond',
  'concurrentReads',
  'concurrentWrites',
] as const satisfies readonly (keyof ThrottlingLimits)[];

/** Limits among a storage's settings; those of the client come after them and win. */
export function throttlingLimits(
  ...settings: readonly (Readonly<Record<string, unknown>> | undefined)[]
): ThrottlingLimits {
  const limits: Record<string, number> = {};
  for (const name of LIMIT_NAMES) {
    for (const group of settings) {
      const value = group === undefined ? undefined : numberOf(group, name);
      if (value !== undefined && value > 0) limits[name] = value;
    }
  }
  return limits;
}

/** Settings as they may be shown: secrets become asterisks. */
export function withoutSecrets(config: StorageConfig['config']): Record<string, unknown> {
  const secrets = new Set([
    'secretAccessKey',
    'sessionToken',
    'webIdentityToken',
    'key',
    'password',
  ]);
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      secrets.has(name) && typeof value === 'string' ? '*'.repeat(value.length) : value,
    ]),
  );
}

function optional<K extends string, V>(name: K, value: V | undefined): { [Name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [Name in K]?: V });
}

function textOf(config: object, name: string): string | undefined {
  const value = field(config, name) ?? undefined;
  if (value !== undefined && typeof value !== 'string') throw malformed(name);
  return value === '' ? undefined : value;
}

function numberOf(config: object, name: string): number | undefined {
  const value = field(config, name) ?? undefined;
  if (value !== undefined && typeof value !== 'number') throw malformed(name);
  return value;
}

function isNumberList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item));
}

function malformed(name: string): LongshoreError {
  return new LongshoreError('INVALID_ARGUMENT', `the storage setting ${name} is malformed`, {
    field: name,
  });
}
