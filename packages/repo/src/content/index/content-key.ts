import type { ContentID } from '../content-id.ts';

/** One byte of prefix and the longest hash that the grammar of content IDs admits. */
const MAX_CONTENT_KEY_LENGTH = 65;

const ZERO = 0x30;
const LETTER_A_MINUS_TEN = 0x57;

/**
 * Writes the binary key of `id` (see `encodeContentKey`) to the start of `target` and gives its length.
 * For paths that run once per content and cannot afford an allocation each.
 */
function encodeContentKeyInto(id: ContentID, target: Uint8Array): number {
  const prefixed = id.length % 2;
  const length = 1 + (id.length - prefixed) / 2;
  target[0] = prefixed === 1 ? id.charCodeAt(0) : 0;
  for (let i = 1, at = prefixed; i < length; i++, at += 2) {
    target[i] = (hexDigit(id.charCodeAt(at)) << 4) | hexDigit(id.charCodeAt(at + 1));
  }
  return length;
}

function hexDigit(code: number): number {
  return code < LETTER_A_MINUS_TEN ? code - ZERO : code - LETTER_A_MINUS_TEN;
}

/** Makes keys for look-ups in a buffer of its own: a key is valid until the next one is made. */
export class ContentKeyEncoder {
  readonly #scratch: Uint8Array = new Uint8Array(MAX_CONTENT_KEY_LENGTH);
  #key: Uint8Array = this.#scratch;

  encode(id: ContentID): Uint8Array {
    const length = encodeContentKeyInto(id, this.#scratch);
    // All IDs of a repository have the same length, so that one view serves them all.
    if (this.#key.length !== length) this.#key = this.#scratch.subarray(0, length);
    return this.#key;
  }
}

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, 32 bits, of the text of the content ID that `key` stands for. */
export function fnv1aOfContentID(key: Uint8Array): number {
  let hash = FNV_OFFSET_BASIS;
  const add = (code: number): void => {
    hash = Math.imul(hash ^ code, FNV_PRIME);
  };
  if (key[0] !== 0) add(key[0]!);
  for (let i = 1; i < key.length; i++) {
    add(hexCode(key[i]! >> 4));
    add(hexCode(key[i]! & 15));
  }
  return hash >>> 0;
}

function hexCode(digit: number): number {
  return digit < 10 ? ZERO + digit : LETTER_A_MINUS_TEN + digit;
}
