import { LongshoreError } from '../errors.ts';
import type { ContentHash, HashName } from './content-hash.ts';

/** A keyed hash before truncation. Synchronous; `data` is only read, the result is fresh. */
export type KeyedDigest = (data: Uint8Array) => Uint8Array;

/** Digests of several messages that are computed together. */
export interface SeveralDigests {
  readonly digestPair: (a: Uint8Array, b: Uint8Array) => [Uint8Array, Uint8Array];
  readonly digestAll: (batch: readonly Uint8Array[]) => Uint8Array[];
}

export type HmacFunction = 'sha224' | 'sha256' | 'sha3-224' | 'sha3-256';

/**
 * How the hash of a name is computed. `digestLength` is the length in bytes that the function is asked
 * for (BLAKE2 mixes it into its state), `outputLength` how many leading bytes of that are kept.
 */
export type HashConstruction = { readonly digestLength: number; readonly outputLength: number } & (
  | { readonly family: 'blake2b' | 'blake2s' | 'blake3' }
  | { readonly family: 'hmac'; readonly hash: HmacFunction }
);

/** Source: docs/format/keys-and-algorithms.md. */
export const HASH_CONSTRUCTIONS: Readonly<Record<HashName, HashConstruction>> = {
  'BLAKE2B-256': { family: 'blake2b', digestLength: 32, outputLength: 32 },
  'BLAKE2B-256-128': { family: 'blake2b', digestLength: 32, outputLength: 16 },
  'BLAKE2S-128': { family: 'blake2s', digestLength: 16, outputLength: 16 },
  'BLAKE2S-256': { family: 'blake2s', digestLength: 32, outputLength: 32 },
  'BLAKE3-256': { family: 'blake3', digestLength: 32, outputLength: 32 },
  'BLAKE3-256-128': { family: 'blake3', digestLength: 32, outputLength: 16 },
  'HMAC-SHA224': { family: 'hmac', hash: 'sha224', digestLength: 28, outputLength: 28 },
  'HMAC-SHA256': { family: 'hmac', hash: 'sha256', digestLength: 32, outputLength: 32 },
  'HMAC-SHA256-128': { family: 'hmac', hash: 'sha256', digestLength: 32, outputLength: 16 },
  'HMAC-SHA3-224': { family: 'hmac', hash: 'sha3-224', digestLength: 28, outputLength: 28 },
  'HMAC-SHA3-256': { family: 'hmac', hash: 'sha3-256', digestLength: 32, outputLength: 32 },
};

/**
 * Refuses the secrets that Kopia refuses: BLAKE2b takes keys of up to 64 bytes, BLAKE2s up to 32, and the
 * 128-bit BLAKE2s none that is empty. INVALID_ARGUMENT names the hash and the length, never the secret.
 */
export function checkHashSecret(name: HashName, secret: Uint8Array): void {
  const { family, digestLength } = HASH_CONSTRUCTIONS[name];
  const longest = { blake2b: 64, blake2s: 32, blake3: Infinity, hmac: Infinity }[family];
  const shortest = family === 'blake2s' && digestLength === 16 ? 1 : 0;
  if (secret.length < shortest || secret.length > longest) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `hash ${name}: the secret has ${secret.length} bytes, allowed are ${shortest} to ${longest}`,
    );
  }
}

/** The hash of this name over the full-length digest of its construction. */
export function truncatedHash(
  name: HashName,
  digest: KeyedDigest,
  several?: SeveralDigests,
): ContentHash {
  const { outputLength, digestLength } = HASH_CONSTRUCTIONS[name];
  const truncate = (full: Uint8Array): Uint8Array =>
    outputLength === digestLength ? full : full.slice(0, outputLength);
  const base = {
    name,
    outputLength,
    hash: (data: Uint8Array): Uint8Array => truncate(digest(data)),
  };
  if (several === undefined) return base;
  const { digestPair, digestAll } = several;
  return {
    ...base,
    hashPair: (a, b) => {
      const [digestA, digestB] = digestPair(a, b);
      return [truncate(digestA), truncate(digestB)];
    },
    hashAll: (batch) => digestAll(batch).map(truncate),
  };
}
