import type { Compressor, CompressorName } from './compression/compressor.ts';
import type { ContentCipher, EncryptionName } from './encryption/content-cipher.ts';
import type { ContentHash, HashName } from './hashing/content-hash.ts';

/** Names of the functions that turn a password into the format key, as stored in `keyAlgo`. */
export const KEY_DERIVATION_NAMES = ['scrypt-65536-8-1', 'pbkdf2-sha256-600000'] as const;
export type KeyDerivationName = (typeof KEY_DERIVATION_NAMES)[number];

/** AES-256-GCM over small items (format blob, maintenance schedule): nonce(12) || ciphertext || tag(16). */
export interface AesGcm {
  seal(plaintext: Uint8Array, additionalData: Uint8Array): Uint8Array;
  /** Undefined if authentication fails: for the format blob that means a wrong password. */
  open(sealed: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined;
}

/**
 * Everything the engine computes with, passed in by the caller. `portableAlgorithms()` needs web globals
 * only; `nativeAlgorithms()` of `@longshore/repo/node` replaces whatever Node does faster. Both pass the
 * same vectors. Creation may be asynchronous (WASM is compiled once); use never is.
 */
export interface Algorithms {
  createHash(name: HashName, secret: Uint8Array): Promise<ContentHash>;
  /** `masterKey` is the repository's; the content secret is derived inside. */
  createCipher(name: EncryptionName, masterKey: Uint8Array): Promise<ContentCipher>;
  /** Throws UNSUPPORTED if the algorithm needs something this platform lacks. */
  compressor(name: CompressorName): Compressor;
  compressorByHeaderID(headerID: number): Compressor | undefined;
  /** 32 bytes from the password (UTF-8, as typed) and the repository's unique ID. */
  deriveFormatKey(
    name: KeyDerivationName,
    password: string,
    uniqueID: Uint8Array,
  ): Promise<Uint8Array>;
  hkdfSha256(key: Uint8Array, salt: Uint8Array, info: string, length: number): Promise<Uint8Array>;
  hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
  createAesGcm(key: Uint8Array): Promise<AesGcm>;
}
