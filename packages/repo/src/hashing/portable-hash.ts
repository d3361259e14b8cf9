import { createBlake2b } from './blake2b.ts';
import { createBlake2s } from './blake2s.ts';
import { createBlake3 } from './blake3.ts';
import type { ContentHash, HashName } from './content-hash.ts';
import {
  checkHashSecret,
  HASH_CONSTRUCTIONS,
  type KeyedDigest,
  truncatedHash,
} from './hash-construction.ts';
import { createHmac } from './hmac.ts';

/**
 * The keyed hash of a repository in WASM that runs wherever WebAssembly does. The secret is copied.
 * INVALID_ARGUMENT if the function takes no secret of this length.
 */
export async function createPortableHash(name: HashName, secret: Uint8Array): Promise<ContentHash> {
  checkHashSecret(name, secret);
  return truncatedHash(name, await createDigest(name, secret));
}

function createDigest(name: HashName, secret: Uint8Array): Promise<KeyedDigest> {
  const construction = HASH_CONSTRUCTIONS[name];
  if (construction.family === 'hmac') return createHmac(construction.hash, secret);
  if (construction.family === 'blake3') return createBlake3(secret);
  const create = construction.family === 'blake2b' ? createBlake2b : createBlake2s;
  return create(construction.digestLength, secret);
}
