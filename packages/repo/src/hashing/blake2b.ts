import { createBLAKE2b } from 'hash-wasm';
import type { KeyedDigest } from './hash-construction.ts';

/** BLAKE2b (RFC 7693) with a key of 0 to 64 bytes. */
export async function createBlake2b(digestLength: number, key: Uint8Array): Promise<KeyedDigest> {
  const hasher = await createBLAKE2b(8 * digestLength, key.length === 0 ? undefined : key.slice());
  return (data) => hasher.init().update(data).digest('binary');
}
