import { decodeHex, encodeHex } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';

declare const contentIDBrand: unique symbol;
/** `[prefix] + hex(hash)`; the prefix is one letter `g`..`z`, present exactly when the length is odd. */
export type ContentID = string & { readonly [contentIDBrand]: true };

/** `k` directory listings, `x` index objects, `m` manifests; the empty string is file data. */
export type ContentPrefix = '' | 'k' | 'm' | 'x' | (string & {});

const CONTENT_ID = /^[g-z]?(?:[0-9a-f]{2}){1,64}$/;

/** The only maker of content IDs from text; INVALID_ARGUMENT if the grammar is not met. */
export function parseContentID(text: string): ContentID {
  if (!CONTENT_ID.test(text)) {
    throw new LongshoreError('INVALID_ARGUMENT', `not a content ID: ${JSON.stringify(text)}`);
  }
  return text as ContentID;
}

export function isContentID(text: string): text is ContentID {
  return CONTENT_ID.test(text);
}

export function makeContentID(prefix: ContentPrefix, hash: Uint8Array): ContentID {
  return (prefix + encodeHex(hash)) as ContentID;
}

export function contentPrefix(id: ContentID): ContentPrefix {
  return id.length % 2 === 1 ? id[0]! : '';
}

/** The hash part as bytes. */
export function contentHashBytes(id: ContentID): Uint8Array {
  return decodeHex(id.length % 2 === 1 ? id.slice(1) : id)!;
}

/** The key of an index entry: one byte of prefix (0 if none), then the hash. Its byte order is the order of IDs. */
export function encodeContentKey(id: ContentID): Uint8Array {
  const hash = contentHashBytes(id);
  const key = new Uint8Array(1 + hash.length);
  key[0] = id.length % 2 === 1 ? id.charCodeAt(0) : 0;
  key.set(hash, 1);
  return key;
}

/** Inverse of {@link encodeContentKey}; undefined if the prefix byte is neither 0 nor `g`..`z`. */
export function decodeContentKey(key: Uint8Array): ContentID | undefined {
  const prefix = key[0];
  if (prefix === undefined || (prefix !== 0 && (prefix < 0x67 || prefix > 0x7a))) return undefined;
  return makeContentID(prefix === 0 ? '' : String.fromCharCode(prefix), key.subarray(1));
}
