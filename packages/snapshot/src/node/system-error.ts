import { getSystemErrorName } from 'node:util';
import { describeError, LongshoreError, type ErrorCode } from '@longshore/repo';

/** The symbolic name of a failed system call's error, such as ENOENT; undefined for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The error that a failed libc call stands for, in the shape of those that `node:fs` throws. */
export function createSystemError(errno: number, syscall: string, path: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: ${syscall} ${JSON.stringify(path)}`), {
    code,
    errno: -errno,
    syscall,
    path,
  });
}

/** EPERM or EACCES. */
export function isPermissionError(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'EPERM' || code === 'EACCES';
}

/** SOURCE_UNREADABLE: reading what is to be backed up failed. */
export function sourceError(action: string, path: string, cause: unknown): LongshoreError {
  return new LongshoreError('SOURCE_UNREADABLE', failed(action, path, cause), { path, cause });
}

const TARGET_ERROR_CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'ACCESS_DENIED',
  EDQUOT: 'NO_SPACE',
  EEXIST: 'ALREADY_EXISTS',
  EISDIR: 'ALREADY_EXISTS',
  // A symlink, or nothing that can be entered, where a directory was: somebody else writes into the target.
  ELOOP: 'TARGET_UNSAFE',
  ENOENT: 'PATH_NOT_FOUND',
  ENOSPC: 'NO_SPACE',
  ENOTDIR: 'TARGET_UNSAFE',
  EPERM: 'ACCESS_DENIED',
  EROFS: 'READ_ONLY',
};

/** A failure while writing into the target of a restore. Errors of longshore itself pass as they are. */
export function targetError(action: string, path: string, cause: unknown): LongshoreError {
  if (cause instanceof LongshoreError) return cause;
  const code = TARGET_ERROR_CODES[systemErrorCode(cause) ?? ''] ?? 'TARGET_UNWRITABLE';
  return new LongshoreError(code, failed(action, path, cause), { path, cause });
}

function failed(action: string, path: string, cause: unknown): string {
  return `cannot ${action} ${path}: ${describeError(cause)}`;
}
