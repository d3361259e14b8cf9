import { constants, fstatSync, type BigIntStats } from 'node:fs';
import type { OutputKind } from '../restore/restore-output.ts';
import type { FileStatus } from './system-calls.ts';

/** What an `st_mode` is of. */
export function kindOfMode(mode: number): OutputKind {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return 'f';
    case constants.S_IFDIR:
      return 'd';
    case constants.S_IFLNK:
      return 's';
    default:
      return 'other';
  }
}

export function fileStatus(stats: BigIntStats): FileStatus {
  const mode = Number(stats.mode);
  return {
    kind: kindOfMode(mode),
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtime: stats.mtimeNs,
    links: Number(stats.nlink),
  };
}

export function openFileStatus(fd: number): FileStatus {
  return fileStatus(fstatSync(fd, { bigint: true }));
}
