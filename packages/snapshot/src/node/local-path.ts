import { Buffer, isUtf8 } from 'node:buffer';
import { decodeGoUtf8 } from '@longshore/repo';

/** A path for `node:fs`: bytes only if it is not valid UTF-8, because strings are several times cheaper. */
export type LocalPath = string | Buffer;

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

const SEPARATOR = Buffer.from('/');

export function joinLocalPath(directory: LocalPath, name: string | Uint8Array): LocalPath {
  if (typeof directory === 'string' && typeof name === 'string') {
    return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
  }
  return Buffer.concat([Buffer.from(directory), SEPARATOR, Buffer.from(name)]);
}
