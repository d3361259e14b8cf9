import { blake3Key } from '../hashing/blake3.ts';
import type { ContentHash, HashName } from '../hashing/content-hash.ts';
import {
  checkHashSecret,
  HASH_CONSTRUCTIONS,
  truncatedHash,
} from '../hashing/hash-construction.ts';
import { createBlake2bKernel } from '../kernels/blake2b-kernel.ts';
import { createBlake2sKernel } from '../kernels/blake2s-kernel.ts';
import { createBlake3Kernel } from '../kernels/blake3-kernel.ts';
import type { KernelWorkspace } from '../kernels/kernel-workspace.ts';
import { createNativeHmac } from './native-hmac.ts';

/**
 * The keyed hash of a repository at Node's speed: HMACs by OpenSSL, BLAKE by own WASM kernels, which read
 * data in place if it lies in the memory of the workspace. The secret is copied. INVALID_ARGUMENT if the
 * function takes no secret of this length.
 */
export async function createNativeHash(
  name: HashName,
  secret: Uint8Array,
  workspace: KernelWorkspace,
): Promise<ContentHash> {
  checkHashSecret(name, secret);
  const construction = HASH_CONSTRUCTIONS[name];
  const { family, digestLength } = construction;
  if (family === 'hmac') {
    return truncatedHash(name, createNativeHmac(construction.hash, secret));
  }
  if (family === 'blake3') {
    return truncatedHash(name, await createBlake3Kernel(workspace, blake3Key(secret)));
  }
  if (family === 'blake2s') {
    return truncatedHash(name, await createBlake2sKernel(workspace, digestLength, secret));
  }
  const kernel = await createBlake2bKernel(workspace, digestLength, secret);
  return truncatedHash(name, kernel.digest, kernel);
}
