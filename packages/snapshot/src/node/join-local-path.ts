import { Buffer } from 'node:buffer';

/** A path for `node:fs`: bytes only if it is not valid UTF-8, because strings are several times cheaper. */
export type LocalPath = string | Buffer;

const SEPARATOR = Buffer.from('/');

export function joinLocalPath(directory: LocalPath, name: string | Uint8Array): LocalPath {
  if (typeof directory === 'string' && typeof name === 'string') {
    return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
  }
  return Buffer.concat([Buffer.from(directory), SEPARATOR, Buffer.from(name)]);
}
