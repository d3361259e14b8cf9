import { createBLAKE3 } from 'hash-wasm';
import { deriveBlake3Key } from './blake3-derive-key.ts';
import type { KeyedDigest } from './hash-construction.ts';

const KEY_LENGTH = 32;
const SHORT_SECRET_CONTEXT = 'kopia blake3 derived key v1';

/** The key of keyed BLAKE3: the first 32 bytes of the secret, or 32 bytes derived from a shorter one. */
export function blake3Key(secret: Uint8Array): Uint8Array {
  return secret.length < KEY_LENGTH
    ? deriveBlake3Key(SHORT_SECRET_CONTEXT, secret)
    : secret.slice(0, KEY_LENGTH);
}

/** Keyed BLAKE3 with 32 bytes of output. */
export async function createBlake3(secret: Uint8Array): Promise<KeyedDigest> {
  const hasher = await createBLAKE3(256, blake3Key(secret));
  return (data) => hasher.init().update(data).digest('binary');
}
