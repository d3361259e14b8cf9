import { LongshoreError } from '../errors.ts';
import type { ErrorCode, ErrorFacts } from '../errors.ts';

/** What was being done, for messages and facts. */
export interface FileOperation {
  /** For example `write blob p123`. */
  readonly action: string;
  readonly path: string;
  readonly blobID?: string;
}

/** The `code` of an error of the operating system, such as ENOENT. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Turns an error of the operating system into ours; anything else, an abort above all, is returned untouched. */
export function filesystemError(error: unknown, operation: FileOperation): unknown {
  const errno = errnoCode(error);
  if (error instanceof LongshoreError || errno === undefined) return error;
  const { action, path, blobID } = operation;
  const facts: ErrorFacts = { path, cause: error, ...(blobID === undefined ? {} : { blobID }) };
  const fail = (code: ErrorCode, why: string, retryable = false): LongshoreError =>
    new LongshoreError(code, `cannot ${action}: ${why}: ${path}`, { ...facts, retryable });
  switch (errno) {
    case 'ENOSPC':
      return fail('NO_SPACE', 'no space left on the file system');
    case 'EDQUOT':
      return fail('NO_SPACE', 'the disk quota is used up');
    case 'EFBIG':
      return fail('NO_SPACE', 'the file system allows no file of this size');
    case 'EACCES':
    case 'EPERM':
      return fail('ACCESS_DENIED', `permission denied (${errno})`);
    case 'EROFS':
      return fail('READ_ONLY', 'the file system is mounted for reading only');
    case 'ENOENT':
      return fail('PATH_NOT_FOUND', 'no such file or folder');
    case 'ENOTDIR':
      return fail('INVALID_ARGUMENT', 'a part of the path is not a folder');
    case 'ENAMETOOLONG':
      return fail('INVALID_ARGUMENT', 'the name is too long for the file system');
    // Files and handles run out for a while; network file systems lose and find their server.
    case 'EMFILE':
    case 'ENFILE':
    case 'EAGAIN':
    case 'EBUSY':
    case 'EIO':
    case 'ESTALE':
    case 'ETIMEDOUT':
    case 'EHOSTDOWN':
    case 'ECONNRESET':
    case 'EREMOTEIO':
      return fail('STORAGE_FAILED', errno, true);
    default:
      return fail('STORAGE_FAILED', errno);
  }
}
