import { constants } from 'node:fs';

/*
 * What Linux has in fcntl.h and stat.h, as bytes: the same on every architecture that `loadLibc` accepts, all of which
 * are little-endian.
 */

export const AT_SYMLINK_NOFOLLOW = 0x100;
export const O_CLOEXEC = 0o2000000;
/** For a directory that is not a symlink. */
export const OPEN_DIRECTORY: number =
  constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;

/** Asks `statx` for what `lstat` says. */
export const STATX_BASIC_STATS = 0x7ff;
/** Bytes of `struct statx`, and where its fields lie in it. */
export const STATX_LENGTH = 256;
export const STATX_LINKS = 16;
export const STATX_UID = 20;
export const STATX_GID = 24;
/** 16 bits. */
export const STATX_MODE = 28;
export const STATX_INODE = 32;
export const STATX_SIZE = 40;
export const STATX_MTIME_SECONDS = 112;
export const STATX_MTIME_NANOSECONDS = 120;
export const STATX_DEVICE_MAJOR = 136;
export const STATX_DEVICE_MINOR = 140;

/** Where in `struct linux_dirent64` its own length lies, of 16 bits, and where its name begins, which ends with NUL. */
export const DIRENT_LENGTH = 16;
export const DIRENT_NAME = 19;
