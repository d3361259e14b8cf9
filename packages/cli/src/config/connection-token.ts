import { Buffer } from 'node:buffer';
import { encodeGoJSON, field, parseGoJSON } from '@longshore/repo';
import { UsageError } from '../grammar/usage-error.ts';
import type { StorageConfig } from './connection-config.ts';

const VERSION = '1';

/** What one line of text can carry to another machine. */
export interface ConnectionToken {
  readonly storage: StorageConfig;
  /** Empty: not included. */
  readonly password: string;
}

/** Kopia's form: JSON in base64 for URLs, without padding. Anybody can decode it. */
export function encodeConnectionToken({ storage, password }: ConnectionToken): string {
  const json = encodeGoJSON({
    version: VERSION,
    storage: { type: storage.type, config: storage.config },
    password: password || undefined,
  });
  return Buffer.from(json).toString('base64url');
}

/** UsageError if it is not one. */
export function decodeConnectionToken(token: string): ConnectionToken {
  const json = parseToken(token.trim());
  const storage = field(json, 'storage');
  const type = field(storage, 'type');
  const config = field(storage, 'config');
  const password = field(json, 'password') ?? '';
  if (
    field(json, 'version') !== VERSION ||
    typeof type !== 'string' ||
    typeof config !== 'object' ||
    config === null ||
    typeof password !== 'string'
  ) {
    throw malformed();
  }
  return { storage: { type, config: config as Record<string, unknown> }, password };
}

function parseToken(token: string): unknown {
  try {
    return parseGoJSON(Buffer.from(token, 'base64url'), 'token');
  } catch {
    throw malformed();
  }
}

function malformed(): UsageError {
  return new UsageError(
    'the token is damaged: copy the whole line that "repository status -t" shows',
  );
}
