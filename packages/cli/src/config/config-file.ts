import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { describeError, encodeGoJSON, LongshoreError, parseGoJSON } from '@longshore/repo';
import { indentJSON } from '../output/indent-json.ts';
import { defaultIdentity } from './client-identity.ts';
import { errnoOf } from './errno.ts';
import { makeFolders } from './make-folders.ts';
import {
  connectionConfigJSON,
  DEFAULT_FORMAT_CACHE_DURATION,
  parseConnectionConfig,
  type ClientConfig,
  type ConnectionConfig,
} from './connection-config.ts';

/** NOT_CONNECTED if there is no such file. What it leaves out of the client is filled in, as Kopia does. */
export function loadConfigFile(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): ConnectionConfig {
  const stored = parseConnectionConfig(parseConfig(readConfig(path), path), path);
  const config = { ...stored, client: withDefaults(stored.client) };
  const folder = cacheFolder(config, path, env);
  return folder === undefined
    ? config
    : { ...config, caching: { ...config.caching, cacheDirectory: folder } };
}

/** Replaces the file as a whole. The cache folder is stored relative to it, as Kopia does. */
export function saveConfigFile(path: string, config: ConnectionConfig): void {
  const cacheDirectory = config.caching?.cacheDirectory;
  const stored =
    cacheDirectory === undefined
      ? config
      : {
          ...config,
          caching: { ...config.caching, cacheDirectory: relative(dirname(path), cacheDirectory) },
        };
  writePrivateFile(path, indentJSON(encodeGoJSON(connectionConfigJSON(stored))));
}

/** Writes a file that only its owner may read, so that it is seen whole or not at all. */
export function writePrivateFile(path: string, text: string): void {
  const temporary = `${path}.tmp.${randomBytes(6).toString('hex')}`;
  try {
    makeFolders(dirname(path));
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new LongshoreError(
      errnoOf(cause) === 'ENOSPC' ? 'NO_SPACE' : 'ACCESS_DENIED',
      `cannot write ${path} (${errnoOf(cause) ?? String(cause)})`,
      { path, cause },
    );
  }
}

function withDefaults(client: ClientConfig): ClientConfig {
  const identity = defaultIdentity();
  return {
    ...client,
    hostname: client.hostname || identity.hostName,
    username: client.username || identity.userName,
    formatBlobCacheDuration: client.formatBlobCacheDuration || DEFAULT_FORMAT_CACHE_DURATION,
  };
}

function parseConfig(bytes: Uint8Array, path: string): unknown {
  try {
    return parseGoJSON(bytes, path);
  } catch (cause) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `${describeError(cause)}: this is no connection file; connect again with "longshore repository connect"`,
      { path, cause },
    );
  }
}

function readConfig(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') {
      throw new LongshoreError(
        'NOT_CONNECTED',
        `not connected to a repository: there is no ${path}; begin with "longshore repository connect" or "longshore repository create"`,
        { path, cause },
      );
    }
    throw new LongshoreError('ACCESS_DENIED', `cannot read ${path} (${errnoOf(cause)})`, {
      path,
      cause,
    });
  }
}

function cacheFolder(
  { caching }: ConnectionConfig,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const fromEnv = env['KOPIA_CACHE_DIRECTORY'] ?? '';
  if (caching !== undefined && isAbsolute(fromEnv)) return fromEnv;
  const folder = caching?.cacheDirectory;
  if (folder === undefined || isAbsolute(folder)) return folder;
  return join(dirname(path), folder);
}
