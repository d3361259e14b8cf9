import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { type Aead, AEAD_NONCE_LENGTH, type AeadName } from './aead.ts';

const CIPHERS = { 'AES-256-GCM': gcm, 'CHACHA20-POLY1305': chacha20poly1305 } as const;

/** The ciphers in plain JavaScript (`@noble/ciphers`). */
export function portableAead(name: AeadName): Aead {
  const cipher = CIPHERS[name];
  return {
    seal(key, plaintext, additionalData, sealed) {
      const nonce = sealed.slice(0, AEAD_NONCE_LENGTH);
      sealed.set(cipher(key, nonce, additionalData).encrypt(plaintext), AEAD_NONCE_LENGTH);
    },
    open(key, sealed, additionalData, target) {
      const nonce = sealed.slice(0, AEAD_NONCE_LENGTH);
      const opener = cipher(key, nonce, additionalData);
      let plaintext: Uint8Array;
      try {
        plaintext = opener.decrypt(sealed.subarray(AEAD_NONCE_LENGTH));
      } catch {
        // With key, nonce and tag of fixed lengths the tag is the only thing left to be refused.
        return undefined;
      }
      target?.set(plaintext);
      return target ?? plaintext;
    },
  };
}
