import { Buffer, isUtf8 } from 'node:buffer';
import { decodeGoUtf8 } from '@longshore/repo';
import type { LocalPath } from './join-local-path.ts';

export interface LocalName {
  /** Each invalid byte as one U+FFFD. */
  readonly name: string;
  /** The bytes, if they are not valid UTF-8. */
  readonly rawName: Buffer | undefined;
}

export function localName(bytes: Buffer): LocalName {
  return isUtf8(bytes)
    ? { name: bytes.toString(), rawName: undefined }
    : { name: decodeGoUtf8(bytes), rawName: bytes };
}

export function localPath(bytes: Buffer): LocalPath {
  return isUtf8(bytes) ? bytes.toString() : bytes;
}
