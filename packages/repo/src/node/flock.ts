import { constants } from 'node:os';
import { LongshoreError } from '../errors.ts';
import { loadFFI } from './ffi.ts';

/** Exclusively, and without waiting. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Locks an open file until it is closed, however that comes; false if somebody else has it. STORAGE_FAILED if it cannot be locked. */
export type TryFlock = (fd: number) => boolean;

/**
 * flock(2) of the libc that Node itself runs on, glibc or musl. Undefined where there is no FFI: Node before 26,
 * `--no-experimental-ffi`, a permission model, other systems.
 */
export function loadFlock(): TryFlock | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const ffi = loadFFI();
    if (ffi === undefined) return undefined;
    const { functions } = ffi.dlopen(null, {
      __errno_location: { arguments: [], return: 'pointer' },
      flock: { arguments: ['int32', 'int32'], return: 'int32' },
    });
    const errno = functions.__errno_location();
    return (fd) => {
      for (;;) {
        if (functions.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
        const code = ffi.getInt32(errno, 0);
        if (code === constants.errno.EWOULDBLOCK) return false;
        if (code === constants.errno.EINTR) continue;
        throw new LongshoreError('STORAGE_FAILED', `flock failed with error ${code}`);
      }
    };
  } catch {
    return undefined;
  }
}
