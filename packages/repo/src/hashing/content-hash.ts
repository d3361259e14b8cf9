/** Kopia's names, in the order in which its help lists them. Source: docs/format/keys-and-algorithms.md. */
export const HASH_NAMES = [
  'BLAKE2B-256',
  'BLAKE2B-256-128',
  'BLAKE2S-128',
  'BLAKE2S-256',
  'BLAKE3-256',
  'BLAKE3-256-128',
  'HMAC-SHA224',
  'HMAC-SHA256',
  'HMAC-SHA256-128',
  'HMAC-SHA3-224',
  'HMAC-SHA3-256',
] as const;

export type HashName = (typeof HASH_NAMES)[number];

/** The keyed hash of a repository: names contents and whole-blob-encrypted blobs. Synchronous. */
export interface ContentHash {
  readonly name: HashName;
  /** Bytes of output: 16, 28 or 32. */
  readonly outputLength: number;
  /** `data` is only read during the call; the result is fresh and owned by the caller. */
  hash(data: Uint8Array): Uint8Array;
  /**
   * Both hashes at once, where that is faster than one after the other: most of all for contents of similar
   * length. Any lengths are allowed.
   */
  readonly hashPair?: (a: Uint8Array, b: Uint8Array) => [Uint8Array, Uint8Array];
  /** All hashes in order, where that is faster than one after the other. */
  readonly hashAll?: (batch: readonly Uint8Array[]) => Uint8Array[];
}
