import type { Algorithms } from '../algorithms.ts';

const AES_KEY_BYTES = 32;
const ADDITIONAL_DATA_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Protects the inside of `kopia.repository` and `kopia.blobcfg` with the password. */
export interface FormatSealer {
  seal(plaintext: Uint8Array): Uint8Array;
  /** Undefined if the key is wrong or the bytes are damaged: nothing tells the two apart. */
  open(sealed: Uint8Array): Uint8Array | undefined;
}

/** Both the AES key and the additional data are derived from the format key. Source: docs/format/format-blob.md. */
export async function createFormatSealer(
  algorithms: Pick<Algorithms, 'hkdfSha256' | 'createAesGcm'>,
  formatKey: Uint8Array,
  uniqueID: Uint8Array,
): Promise<FormatSealer> {
  const [key, additionalData] = await Promise.all([
    algorithms.hkdfSha256(formatKey, uniqueID, 'AES', AES_KEY_BYTES),
    algorithms.hkdfSha256(formatKey, uniqueID, 'CHECKSUM', ADDITIONAL_DATA_BYTES),
  ]);
  const cipher = await algorithms.createAesGcm(key);
  return {
    seal: (plaintext) => cipher.seal(plaintext, additionalData),
    open: (sealed) =>
      sealed.length < NONCE_BYTES + TAG_BYTES ? undefined : cipher.open(sealed, additionalData),
  };
}
