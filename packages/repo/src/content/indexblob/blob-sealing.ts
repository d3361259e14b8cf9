import { parseBlobID, type BlobID } from '../../blob/storage.ts';
import { decodeHex, encodeHex } from '../../bytes.ts';
import type { ContentCipher } from '../../encryption/content-cipher.ts';
import { CorruptDataError } from '../../errors.ts';
import type { ContentHash } from '../../hashing/content-hash.ts';

/** Error correction around every encrypted item, as far as sealing needs it. */
export interface BlobErrorCorrection {
  /** Stored bytes for `length` bytes of input. */
  encodedLength(length: number): number;
  /** `target` has exactly `encodedLength(input.length)` bytes. */
  encodeInto(input: Uint8Array, target: Uint8Array): void;
  decode(
    stored: Uint8Array,
    what: string,
  ): { readonly data: Uint8Array; readonly repaired: boolean };
}

export interface BlobSealerParts {
  readonly hash: ContentHash;
  readonly cipher: ContentCipher;
  readonly errorCorrection?: BlobErrorCorrection | undefined;
}

export interface SealedBlob {
  readonly id: BlobID;
  readonly bytes: Uint8Array;
}

/** The key of a whole sealed blob is derived from this many last bytes of the hash in its name. */
const IV_LENGTH = 16;

/**
 * Encrypts blobs that are sealed as a whole: indexes, compaction logs, session markers. Their name holds
 * the hash of the plaintext. Source: docs/format/index-blobs-and-epochs.md.
 */
export class BlobSealer {
  readonly #hash: ContentHash;
  readonly #cipher: ContentCipher;
  readonly #errorCorrection: BlobErrorCorrection | undefined;

  constructor(parts: BlobSealerParts) {
    this.#hash = parts.hash;
    this.#cipher = parts.cipher;
    this.#errorCorrection = parts.errorCorrection;
  }

  /** `id = namePrefix || hash || "-" || suffix`; without the dash if the suffix is empty. */
  seal(plaintext: Uint8Array, namePrefix: string, suffix: string): SealedBlob {
    const hash = this.#hash.hash(plaintext);
    const ending = suffix === '' ? '' : `-${suffix}`;
    return {
      id: parseBlobID(`${namePrefix}${encodeHex(hash)}${ending}`),
      bytes: this.#sealItem(plaintext, hash.subarray(hash.length - IV_LENGTH)),
    };
  }

  /** The plaintext; CORRUPT_DATA if it does not authenticate or does not hash to the name. */
  open(id: BlobID, bytes: Uint8Array): Uint8Array {
    const what = `blob ${id}`;
    const hashHex = hashInName(id, this.#hash.outputLength);
    const hash = hashHex === undefined ? undefined : decodeHex(hashHex);
    if (hash === undefined)
      throw new CorruptDataError(`${what}: no hash in its name`, { blobID: id });
    try {
      const plaintext = this.#openItem(bytes, hash.subarray(hash.length - IV_LENGTH), what);
      if (encodeHex(this.#hash.hash(plaintext)) !== hashHex) {
        throw new CorruptDataError(`${what}: the bytes do not hash to its name`);
      }
      return plaintext;
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error;
      throw new CorruptDataError(error.message, { ...error.facts, blobID: id, cause: error.cause });
    }
  }

  /** Opens what was sealed under the whole hash of its plaintext: the recovery index of a pack. */
  openUnderWholeHash(hash: Uint8Array, bytes: Uint8Array, what: string): Uint8Array {
    const plaintext = this.#openItem(bytes, hash, what);
    if (encodeHex(this.#hash.hash(plaintext)) !== encodeHex(hash)) {
      throw new CorruptDataError(`${what}: the bytes do not hash to their iv`);
    }
    return plaintext;
  }

  #sealItem(plaintext: Uint8Array, iv: Uint8Array): Uint8Array {
    const encrypted = new Uint8Array(plaintext.length + this.#cipher.overhead);
    this.#cipher.sealInto(plaintext, iv, encrypted);
    if (this.#errorCorrection === undefined) return encrypted;
    const encoded = new Uint8Array(this.#errorCorrection.encodedLength(encrypted.length));
    this.#errorCorrection.encodeInto(encrypted, encoded);
    return encoded;
  }

  #openItem(bytes: Uint8Array, iv: Uint8Array, what: string): Uint8Array {
    const sealed = this.#errorCorrection?.decode(bytes, what).data ?? bytes;
    return this.#cipher.open(sealed, iv, what);
  }
}

/** The hex digits in front of the first dash, or of the end. */
function hashInName(id: BlobID, hashLength: number): string | undefined {
  const dash = id.indexOf('-');
  const digits = id.slice(0, dash < 0 ? id.length : dash).slice(-2 * hashLength);
  return digits.length === 2 * hashLength && /^[0-9a-f]+$/.test(digits) ? digits : undefined;
}
