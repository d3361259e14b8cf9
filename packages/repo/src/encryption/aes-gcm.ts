import type { AesGcm } from '../algorithms.ts';
import { LongshoreError } from '../errors.ts';
import { type Aead, AEAD_KEY_LENGTH, SEALED_OVERHEAD } from './aead.ts';
import type { NonceSource } from './nonce-pool.ts';

/** AES-256-GCM with a fixed key over either platform's cipher. INVALID_ARGUMENT unless the key has 32 bytes. */
export function createAesGcm(aead: Aead, key: Uint8Array, nonces: NonceSource): AesGcm {
  if (key.length !== AEAD_KEY_LENGTH) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `AES-256-GCM: the key has ${key.length} bytes instead of ${AEAD_KEY_LENGTH}`,
    );
  }
  const ownKey = key.slice();
  return {
    seal(plaintext, additionalData) {
      const sealed = new Uint8Array(plaintext.length + SEALED_OVERHEAD);
      nonces(sealed);
      aead.seal(ownKey, plaintext, additionalData, sealed);
      return sealed;
    },
    open(sealed, additionalData) {
      return sealed.length < SEALED_OVERHEAD
        ? undefined
        : aead.open(ownKey, sealed, additionalData);
    },
  };
}
