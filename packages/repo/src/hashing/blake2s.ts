import { createBLAKE2s } from 'hash-wasm';
import type { KeyedDigest } from './hash-construction.ts';

/** BLAKE2s (RFC 7693) with a key of 0 to 32 bytes. */
export async function createBlake2s(digestLength: number, key: Uint8Array): Promise<KeyedDigest> {
  const hasher = await createBLAKE2s(8 * digestLength, key.length === 0 ? undefined : key.slice());
  return (data) => hasher.init().update(data).digest('binary');
}
