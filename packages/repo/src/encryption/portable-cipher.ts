import type { RandomSource } from '../clock.ts';
import { AEAD_OF_ENCRYPTION } from './aead.ts';
import { createAeadContentCipher } from './aead-content-cipher.ts';
import type { ContentCipher, EncryptionName } from './content-cipher.ts';
import { createNoncePool } from './nonce-pool.ts';
import { portableAead } from './portable-aead.ts';

/** The encryption of a repository in plain JavaScript: runs anywhere, a twentieth of native speed or less. */
export function createPortableCipher(
  name: EncryptionName,
  masterKey: Uint8Array,
  random: RandomSource,
): Promise<ContentCipher> {
  const aead = portableAead(AEAD_OF_ENCRYPTION[name]);
  return createAeadContentCipher(name, masterKey, aead, createNoncePool(random));
}
