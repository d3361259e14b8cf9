export const ENCRYPTION_NAMES = [
  'AES256-GCM-HMAC-SHA256',
  'CHACHA20-POLY1305-HMAC-SHA256',
] as const;

export type EncryptionName = (typeof ENCRYPTION_NAMES)[number];

/**
 * Authenticated encryption of one item under a key derived from its `iv` (16 to 32 bytes, never stored
 * beside the item). `sealed = nonce(12) || ciphertext || tag(16)`. Synchronous.
 */
export interface ContentCipher {
  readonly name: EncryptionName;
  /** Bytes that sealing adds: 28. */
  readonly overhead: number;
  /** Seals into `target`, which has exactly `plaintext.length + overhead` bytes. */
  sealInto(plaintext: Uint8Array, iv: Uint8Array, target: Uint8Array): void;
  /** The plaintext, owned by the caller; CORRUPT_DATA naming `what` if authentication fails. */
  open(sealed: Uint8Array, iv: Uint8Array, what: string): Uint8Array;
  /** The same, written over the ciphertext: a view of `sealed`, which holds anything if this fails. */
  openInPlace(sealed: Uint8Array, iv: Uint8Array, what: string): Uint8Array;
}
