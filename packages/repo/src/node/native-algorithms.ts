import { randomFillSync } from 'node:crypto';
import type { Algorithms } from '../algorithms.ts';
import type { RandomSource } from '../clock.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { AEAD_OF_ENCRYPTION } from '../encryption/aead.ts';
import { createAeadContentCipher } from '../encryption/aead-content-cipher.ts';
import { createAesGcm } from '../encryption/aes-gcm.ts';
import { hkdfSha256, hmacSha256 } from '../encryption/hkdf.ts';
import { createNoncePool } from '../encryption/nonce-pool.ts';
import { deriveFormatKey } from '../format/key-derivation.ts';
import { createKernelWorkspace } from '../kernels/kernel-workspace.ts';
import { nativeAead } from './native-aead.ts';
import { createNativeCompressors } from './native-compressors.ts';
import { createNativeHash } from './native-hash.ts';
import { nativeScrypt } from './native-scrypt.ts';

export { HASH_SCRATCH_SIZE } from '../kernels/kernel-workspace.ts';

export interface NativeAlgorithmsOptions {
  /** Memory in which contents lie, to hash them without copying. Plain or shared; the default is a small own one. */
  readonly memory?: WebAssembly.Memory;
  /**
   * Address of `HASH_SCRATCH_SIZE` bytes of that memory which only this thread uses, a multiple of 16.
   * The default is 0.
   */
  readonly scratchOffset?: number;
  /** Where nonces come from; the default is Node's. */
  readonly random?: RandomSource;
  readonly compressors?: CompressorTable;
}

const nodeRandomSource: RandomSource = (target) => {
  randomFillSync(target);
};

/**
 * What Node does fastest: OpenSSL for ciphers, HMAC and scrypt, zlib for compression, WASM kernels for
 * BLAKE. For one thread: give each its own instance and scratch.
 */
export function nativeAlgorithms(options: NativeAlgorithmsOptions = {}): Algorithms {
  const { compressors = createNativeCompressors(), random = nodeRandomSource } = options;
  const workspace = createKernelWorkspace(options.memory, options.scratchOffset);
  const nonces = createNoncePool(random);
  return {
    createHash: (name, secret) => createNativeHash(name, secret, workspace),
    createCipher: (name, masterKey) =>
      createAeadContentCipher(name, masterKey, nativeAead(AEAD_OF_ENCRYPTION[name]), nonces),
    compressor: (name) => compressors.byName(name),
    compressorByHeaderID: (headerID) => compressors.byHeaderID(headerID),
    deriveFormatKey: (name, password, uniqueID) =>
      deriveFormatKey(name, password, uniqueID, nativeScrypt),
    hkdfSha256,
    hmacSha256,
    createAesGcm: async (key) => createAesGcm(nativeAead('AES-256-GCM'), key, nonces),
  };
}
