import { closeSync, constants, openSync } from 'node:fs';
import { loadFFI } from '@longshore/repo/node';

const POINTER = 'buffer';

// No library name: the process image holds the libc that Node itself runs on, glibc or musl, and loading
// another one beside it (musl systems may have a glibc for compatibility) would be a mistake.
const PROCESS_IMAGE = null;

const SIGNATURES = {
  __errno_location: { arguments: [], return: 'pointer' },
  fchownat: { arguments: ['int32', POINTER, 'uint32', 'uint32', 'int32'], return: 'int32' },
  futimens: { arguments: ['int32', POINTER], return: 'int32' },
  lseek: { arguments: ['int32', 'int64', 'int32'], return: 'int64' },
  mkdirat: { arguments: ['int32', POINTER, 'uint32'], return: 'int32' },
  openat: { arguments: ['int32', POINTER, 'int32', 'uint32'], return: 'int32' },
  renameat: { arguments: ['int32', POINTER, 'int32', POINTER], return: 'int32' },
  statx: { arguments: ['int32', POINTER, 'int32', 'uint32', POINTER], return: 'int32' },
  symlinkat: { arguments: [POINTER, 'int32', POINTER], return: 'int32' },
  syscall: { arguments: ['int64', 'int32', POINTER, 'uint64'], return: 'int64' },
  unlinkat: { arguments: ['int32', POINTER, 'int32'], return: 'int32' },
  utimensat: { arguments: ['int32', POINTER, POINTER, 'int32'], return: 'int32' },
} as const;

/** The same function with addresses instead of buffers, which cost a tenth of a microsecond each. */
const SIGNATURES_BY_ADDRESS = {
  statx: { arguments: ['int32', 'pointer', 'int32', 'uint32', 'pointer'], return: 'int32' },
} as const;

/** Number of getdents64, which no libc exports under one name. */
const GETDENTS64: Readonly<Record<string, bigint>> = { arm64: 61n, x64: 217n };

/** A path or a NUL-terminated buffer. A string with NUL in it is refused by Node itself. */
export type CString = string | Uint8Array;

/** Functions of libc as they are: -1 means that `lastError` has the reason. */
export interface Libc {
  fchownat(directory: number, path: CString, uid: number, gid: number, flags: number): number;
  /** `times`: access and modification time as two `timespec` of 64 bits each. */
  futimens(fd: number, times: Uint8Array): number;
  lseek(fd: number, offset: bigint, whence: number): bigint;
  mkdirat(directory: number, path: CString, mode: number): number;
  openat(directory: number, path: CString, flags: number, mode: number): number;
  renameat(fromDirectory: number, from: CString, toDirectory: number, to: CString): number;
  statx(directory: number, path: CString, flags: number, mask: number, result: Uint8Array): number;
  symlinkat(target: CString, directory: number, path: CString): number;
  /** `path` and `result` are addresses from {@link addressOf}. */
  statxAt(directory: number, path: bigint, flags: number, mask: number, result: bigint): number;
  /** Of bytes that do not move: of `Buffer.allocUnsafeSlow`, for as long as the caller holds it. */
  addressOf(bytes: Uint8Array): bigint;
  getdents64(directory: number, result: Uint8Array): number;
  unlinkat(directory: number, path: CString, flags: number): number;
  utimensat(directory: number, path: CString, times: Uint8Array, flags: number): number;
  /** `errno` of this thread. To be read right after the call that failed. */
  lastError(): number;
}

/** Undefined where it does not exist: Node before 26, `--no-experimental-ffi`, a permission model, other systems. */
export function loadLibc(): Libc | undefined {
  const getdents64Number = GETDENTS64[process.arch];
  if (process.platform !== 'linux' || getdents64Number === undefined) return undefined;
  try {
    const ffi = loadFFI();
    if (ffi === undefined) return undefined;
    const { functions } = ffi.dlopen(PROCESS_IMAGE, SIGNATURES);
    const byAddress = ffi.dlopen(PROCESS_IMAGE, SIGNATURES_BY_ADDRESS).functions;
    // One address for the whole life of the thread.
    const errno = functions.__errno_location();
    const libc: Libc = {
      ...functions,
      statxAt: byAddress.statx,
      addressOf: (bytes) => ffi.getRawPointer(bytes),
      getdents64: (directory, result) =>
        Number(functions.syscall(getdents64Number, directory, result, BigInt(result.length))),
      lastError: () => ffi.getInt32(errno, 0),
    };
    return worksHere(libc) ? libc : undefined;
  } catch {
    return undefined;
  }
}

/** A seccomp filter or an emulator may lack single calls: the two youngest are tried once. */
function worksHere(libc: Libc): boolean {
  const root = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return (
      libc.statx(root, '.', 0, 0, new Uint8Array(256)) === 0 &&
      libc.getdents64(root, new Uint8Array(4096)) > 0
    );
  } finally {
    closeSync(root);
  }
}
