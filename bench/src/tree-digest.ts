import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeDigest {
  /** Hex: equal for equal trees. */
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
}

const buffer = new Uint8Array(1024 * 1024);

/**
 * One hash over the names, types, permissions, bytes and times in seconds of a tree. Times of folders are left
 * out: Kopia restores the newest time below a folder instead of its own.
 */
export function digestTree(root: string): TreeDigest {
  const hash = createHash('sha256');
  let files = 0;
  let bytes = 0;
  const walk = (folder: string, relative: string): void => {
    for (const name of readdirSync(folder).toSorted()) {
      const path = join(folder, name);
      const shown = `${relative}/${name}`;
      const stats = lstatSync(path);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isDirectory()) {
        hash.update(`d ${mode} ${shown}\0`);
        walk(path, shown);
      } else if (stats.isSymbolicLink()) {
        hash.update(`l ${shown} ${readlinkSync(path)}\0`);
      } else {
        const seconds = Math.floor(stats.mtimeMs / 1000);
        hash.update(`f ${mode} ${stats.size} ${seconds} ${digestFile(path)} ${shown}\0`);
        files += 1;
        bytes += stats.size;
      }
    }
  };
  walk(root, '');
  return { digest: hash.digest('hex'), files, bytes };
}

function digestFile(path: string): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(fd, buffer, 0, buffer.length, null);
      if (length === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}
