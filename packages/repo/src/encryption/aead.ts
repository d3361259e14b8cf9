import type { EncryptionName } from './content-cipher.ts';

/** Both ciphers: 256-bit key, 96-bit nonce, 128-bit tag. All in bytes. */
export const AEAD_KEY_LENGTH = 32;
export const AEAD_NONCE_LENGTH = 12;
export const AEAD_TAG_LENGTH = 16;

/** Bytes that a sealed item is longer than its plaintext: `nonce || ciphertext || tag`. */
export const SEALED_OVERHEAD: number = AEAD_NONCE_LENGTH + AEAD_TAG_LENGTH;

export type AeadName = 'AES-256-GCM' | 'CHACHA20-POLY1305';

export const AEAD_OF_ENCRYPTION: Readonly<Record<EncryptionName, AeadName>> = {
  'AES256-GCM-HMAC-SHA256': 'AES-256-GCM',
  'CHACHA20-POLY1305-HMAC-SHA256': 'CHACHA20-POLY1305',
};

/**
 * One platform's authenticated cipher over caller-owned bytes, which may lie in shared memory. Knows
 * nothing of how keys and nonces come about. Synchronous.
 */
export interface Aead {
  /** Writes `nonce || ciphertext || tag` to `sealed`; the nonce is there already. */
  seal(
    key: Uint8Array,
    plaintext: Uint8Array,
    additionalData: Uint8Array,
    sealed: Uint8Array,
  ): void;
  /**
   * The plaintext, or undefined if authentication fails. `sealed` has 28 bytes or more. It goes to `target`, by
   * default a fresh one, of exactly its length: that may be where the ciphertext lies, and holds anything if
   * authentication fails.
   */
  open(
    key: Uint8Array,
    sealed: Uint8Array,
    additionalData: Uint8Array,
    target?: Uint8Array,
  ): Uint8Array | undefined;
}
