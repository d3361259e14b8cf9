import type { CompressorName } from '../compression/compressor.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import type { ErrorCorrection } from '../ecc/reed-solomon-crc32.ts';
import type { ContentCipher } from '../encryption/content-cipher.ts';
import { equalBytes, freeMemory } from '../bytes.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import type { ContentHash } from '../hashing/content-hash.ts';
import { contentHashBytes } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type {
  OpenedContent,
  OpenOutcome,
  SealedContent,
  StoredContent,
  UnsealedContent,
} from './content-preparer.ts';

/** What one thread computes with. */
export interface ContentKernelParts {
  readonly hash: ContentHash;
  readonly cipher: ContentCipher;
  /** Undefined: the repository has no error correction. */
  readonly errorCorrection: ErrorCorrection | undefined;
  readonly compressors: CompressorTable;
}

/** Contents are addressed by at most 2^28 - 1 bytes, what a version 2 index can say. */
export const MAX_CONTENT_LENGTH: number = 2 ** 28 - 1;

const COMPRESSION_HEADER_LENGTH = 4;

/** The iv of a content or of a whole sealed blob: the last 16 bytes of its hash. */
function sealingIV(hash: Uint8Array): Uint8Array {
  return hash.subarray(hash.length - 16);
}

/**
 * Hashing, sealing and opening of contents, synchronously, on the thread that calls.
 * Source: docs/format/pack.md.
 */
export class ContentKernel {
  readonly parts: ContentKernelParts;

  constructor(parts: ContentKernelParts) {
    this.parts = parts;
  }

  hash(batch: readonly Uint8Array[]): Uint8Array[] {
    const { hash } = this.parts;
    return batch.length < 2 || hash.hashAll === undefined
      ? batch.map((data) => hash.hash(data))
      : hash.hashAll(batch);
  }

  /** Stored bytes of an uncompressed content. */
  sealedLength(plaintextLength: number): number {
    const { cipher, errorCorrection } = this.parts;
    const encrypted = plaintextLength + cipher.overhead;
    return errorCorrection === undefined ? encrypted : errorCorrection.encodedLength(encrypted);
  }

  /** Seals to the start of `target`, which has room for `sealedLength(content.data.length)`. */
  sealInto(content: UnsealedContent, target: Uint8Array): SealedContent {
    const compressed = this.#compress(content.data, content.compressor);
    const payload = compressed?.payload ?? content.data;
    const length = this.sealItemInto(payload, sealingIV(content.hash), target);
    if (compressed !== undefined) freeMemory(compressed.payload);
    return { length, compressionHeaderID: compressed?.headerID ?? 0 };
  }

  /** Encrypts and error-corrects any item under `iv`; the stored length. */
  sealItemInto(plaintext: Uint8Array, iv: Uint8Array, target: Uint8Array): number {
    const { cipher, errorCorrection } = this.parts;
    const encryptedLength = plaintext.length + cipher.overhead;
    if (errorCorrection === undefined) {
      cipher.sealInto(plaintext, iv, target.subarray(0, encryptedLength));
      return encryptedLength;
    }
    const encrypted = new Uint8Array(encryptedLength);
    cipher.sealInto(plaintext, iv, encrypted);
    const length = errorCorrection.encodedLength(encryptedLength);
    errorCorrection.encodeInto(encrypted, target.subarray(0, length));
    return length;
  }

  /** Authenticated, decompressed and compared with its content ID. */
  open(stored: StoredContent): OpenedContent {
    const [outcome] = this.#openAll([stored], 'aside');
    if ('error' in outcome!) throw outcome.error;
    return outcome!;
  }

  /**
   * The same for several, whose hashes are computed together. The plaintext of what is neither compressed nor
   * error-corrected lies in the place of its stored bytes; those of the others are lost, too. An error of one
   * content leaves the others alone.
   */
  openInPlace(batch: readonly StoredContent[]): readonly OpenOutcome[] {
    return this.#openAll(batch, 'in-place');
  }

  #openAll(batch: readonly StoredContent[], where: 'aside' | 'in-place'): readonly OpenOutcome[] {
    const outcomes = batch.map((stored): OpenOutcome => {
      try {
        return this.#unseal(stored, where);
      } catch (error) {
        return { error: withPlace(error, stored.info) };
      }
    });
    const opened = outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome.data]));
    const hashes = this.hash(opened).values();
    return outcomes.map((outcome, index) => {
      if ('error' in outcome) return outcome;
      const { info } = batch[index]!;
      if (equalBytes(hashes.next().value!, contentHashBytes(info.contentID))) return outcome;
      const error = new CorruptDataError(
        `${placeOf(info)}: the bytes do not hash to the content ID`,
      );
      return { error: withPlace(error, info) };
    });
  }

  /** Authenticated and decompressed. */
  #unseal({ bytes, info }: StoredContent, where: 'aside' | 'in-place'): OpenedContent {
    const what = placeOf(info);
    if (info.encryptionKeyID !== 0) {
      throw new LongshoreError('UNSUPPORTED', `${what}: encryption key ${info.encryptionKeyID}`, {
        contentID: info.contentID,
      });
    }
    const iv = sealingIV(contentHashBytes(info.contentID));
    const { cipher, errorCorrection } = this.parts;
    const { plaintext, repaired } =
      where === 'in-place' && errorCorrection === undefined
        ? { plaintext: cipher.openInPlace(bytes, iv, what), repaired: false }
        : this.openItem(bytes, iv, what);
    return { data: this.#decompress(plaintext, info, what), repaired };
  }

  /** Inverse of {@link sealItemInto}. */
  openItem(
    stored: Uint8Array,
    iv: Uint8Array,
    what: string,
  ): { readonly plaintext: Uint8Array; readonly repaired: boolean } {
    const { cipher, errorCorrection } = this.parts;
    if (errorCorrection === undefined) {
      return { plaintext: cipher.open(stored, iv, what), repaired: false };
    }
    const { data, repaired } = errorCorrection.decode(stored, what);
    return { plaintext: cipher.open(data, iv, what), repaired };
  }

  #compress(
    data: Uint8Array,
    name: CompressorName | undefined,
  ): { readonly payload: Uint8Array; readonly headerID: number } | undefined {
    if (name === undefined) return undefined;
    const { headerID, compress } = this.parts.compressors.byName(name);
    if (compress === undefined) {
      throw new LongshoreError('UNSUPPORTED', `compression ${name} can only be read`);
    }
    const stream = compress(data);
    try {
      if (COMPRESSION_HEADER_LENGTH + stream.length >= data.length) return undefined;
      return { payload: withCompressionHeader(headerID, stream), headerID };
    } finally {
      freeMemory(stream);
    }
  }

  #decompress(plaintext: Uint8Array, info: ContentInfo, what: string): Uint8Array {
    const { compressors } = this.parts;
    const { compressionHeaderID, originalLength } = info;
    const data =
      compressionHeaderID === 0
        ? plaintext
        : decompressWithHeader(compressors, plaintext, compressionHeaderID, originalLength, what);
    // With error correction, an index of version 1 states the length of uncompressed contents too large.
    const isStated = compressionHeaderID !== 0 || this.parts.errorCorrection === undefined;
    if (isStated && data.length !== originalLength) {
      throw new CorruptDataError(
        `${what}: ${data.length} bytes of plaintext, the index says ${originalLength}`,
      );
    }
    return data;
  }
}

function placeOf({ contentID, packBlobID, packOffset }: ContentInfo): string {
  return `content ${contentID} in ${packBlobID} at ${packOffset}`;
}

/** Damage says where it lies. */
function withPlace(error: unknown, info: ContentInfo): unknown {
  if (!(error instanceof CorruptDataError)) return error;
  return new CorruptDataError(error.message, {
    ...error.facts,
    blobID: info.packBlobID,
    contentID: info.contentID,
    offset: info.packOffset,
    cause: error.cause,
  });
}

/** `u32 BE headerID || stream`. */
export function withCompressionHeader(headerID: number, stream: Uint8Array): Uint8Array {
  const payload = new Uint8Array(COMPRESSION_HEADER_LENGTH + stream.length);
  new DataView(payload.buffer).setUint32(0, headerID);
  payload.set(stream, COMPRESSION_HEADER_LENGTH);
  return payload;
}

/**
 * Inverse of {@link withCompressionHeader}. `expectedHeaderID` undefined takes what the header says (the
 * object layer's form). More than `maxLength` bytes is CORRUPT_DATA.
 */
export function decompressWithHeader(
  compressors: CompressorTable,
  payload: Uint8Array,
  expectedHeaderID: number | undefined,
  maxLength: number,
  what: string,
): Uint8Array {
  if (payload.length < COMPRESSION_HEADER_LENGTH) {
    throw new CorruptDataError(`${what}: too short for a compression header`);
  }
  const headerID = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  if (expectedHeaderID !== undefined && headerID !== expectedHeaderID) {
    throw new CorruptDataError(
      `${what}: compression header 0x${headerID.toString(16)}, ` +
        `the index says 0x${expectedHeaderID.toString(16)}`,
    );
  }
  const compressor = compressors.byHeaderID(headerID);
  if (compressor === undefined) {
    throw new LongshoreError(
      'UNSUPPORTED',
      `${what}: unknown compression 0x${headerID.toString(16)}`,
    );
  }
  return compressor.decompress(payload.subarray(COMPRESSION_HEADER_LENGTH), maxLength, what);
}
