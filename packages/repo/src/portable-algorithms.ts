import type { Algorithms } from './algorithms.ts';
import { type RandomSource, webRandomSource } from './clock.ts';
import type { CompressorTable } from './compression/compressor-table.ts';
import { createPortableCompressors } from './compression/portable-compressors.ts';
import { AEAD_OF_ENCRYPTION } from './encryption/aead.ts';
import { createAeadContentCipher } from './encryption/aead-content-cipher.ts';
import { createAesGcm } from './encryption/aes-gcm.ts';
import { hkdfSha256, hmacSha256 } from './encryption/hkdf.ts';
import { createNoncePool } from './encryption/nonce-pool.ts';
import { deriveFormatKey } from './format/key-derivation.ts';

export interface PortableAlgorithmsOptions {
  /** Where nonces come from; the default is web crypto. */
  readonly random?: RandomSource;
  readonly compressors?: CompressorTable;
}

/**
 * Everything in JavaScript and WASM over web globals: the reference, and what browsers read repositories with.
 * Ciphers and hashes are loaded when first asked for: whoever brings others never pays for them.
 */
export function portableAlgorithms(options: PortableAlgorithmsOptions = {}): Algorithms {
  const { compressors = createPortableCompressors(), random = webRandomSource } = options;
  const nonces = createNoncePool(random);
  return {
    createHash: async (name, secret) => {
      const { createPortableHash } = await import('./hashing/portable-hash.ts');
      return createPortableHash(name, secret);
    },
    createCipher: async (name, masterKey) => {
      const { portableAead } = await import('./encryption/portable-aead.ts');
      const aead = portableAead(AEAD_OF_ENCRYPTION[name]);
      return createAeadContentCipher(name, masterKey, aead, nonces);
    },
    compressor: (name) => compressors.byName(name),
    compressorByHeaderID: (headerID) => compressors.byHeaderID(headerID),
    deriveFormatKey: (name, password, uniqueID) => deriveFormatKey(name, password, uniqueID),
    hkdfSha256,
    hmacSha256,
    createAesGcm: async (key) => {
      const { portableAead } = await import('./encryption/portable-aead.ts');
      return createAesGcm(portableAead('AES-256-GCM'), key, nonces);
    },
  };
}
