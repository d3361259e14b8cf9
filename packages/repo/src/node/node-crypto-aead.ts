import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { freeMemory } from '../bytes.ts';
import {
  type Aead,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type AeadName,
  SEALED_OVERHEAD,
} from '../encryption/aead.ts';

const OPENSSL_NAMES = {
  'AES-256-GCM': 'aes-256-gcm',
  'CHACHA20-POLY1305': 'chacha20-poly1305',
} as const;

/** Bytes per call: each call allocates its output, and large ones cost more than the encryption gains. */
const PIECE_LENGTH = 65536;

interface PieceCipher {
  update(data: Uint8Array): Buffer<ArrayBuffer>;
}

/** The ciphers of `node:crypto`. Keys are passed as key objects: raw ones cost 13 us more per item on Node 24. */
export function nodeCryptoAead(name: AeadName): Aead {
  // Both are declared by OpenSSL as AEADs of the same shape; the typings only accept one name at a time.
  const algorithm = OPENSSL_NAMES[name] as 'aes-256-gcm';
  const options = { authTagLength: AEAD_TAG_LENGTH };
  return {
    seal(key, plaintext, additionalData, sealed) {
      const nonce = sealed.subarray(0, AEAD_NONCE_LENGTH);
      const cipher = createCipheriv(algorithm, createSecretKey(key), nonce, options);
      cipher.setAAD(additionalData);
      const end = AEAD_NONCE_LENGTH + plaintext.length;
      transform(cipher, plaintext, sealed.subarray(AEAD_NONCE_LENGTH, end));
      cipher.final();
      sealed.set(cipher.getAuthTag(), end);
    },
    open(key, sealed, additionalData, plaintext = new Uint8Array(sealed.length - SEALED_OVERHEAD)) {
      const nonce = sealed.subarray(0, AEAD_NONCE_LENGTH);
      const decipher = createDecipheriv(algorithm, createSecretKey(key), nonce, options);
      decipher.setAAD(additionalData);
      const tagOffset = sealed.length - AEAD_TAG_LENGTH;
      decipher.setAuthTag(sealed.subarray(tagOffset));
      transform(decipher, sealed.subarray(AEAD_NONCE_LENGTH, tagOffset), plaintext);
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plaintext;
    },
  };
}

function transform(cipher: PieceCipher, input: Uint8Array, output: Uint8Array): void {
  for (let offset = 0; offset < input.length; offset += PIECE_LENGTH) {
    const piece = cipher.update(input.subarray(offset, offset + PIECE_LENGTH));
    // Unlike `set`, `copy` is fast between shared and ordinary memory whatever their alignment.
    piece.copy(output, offset);
    // Frees the piece at once: left to the collector, they add up to some 64 MB for each thread.
    freeMemory(piece);
  }
}
