import { errorCode, type ErrorCode } from '@longshore/repo';
import { UnsupportedUsageError, UsageError } from './grammar/usage-error.ts';

/** Kopia's two, and the shell's for a program that was interrupted. */
export const EXIT_SUCCESS = 0;
export const EXIT_FAILURE = 1;
export const EXIT_INTERRUPTED = 130;

/** For scripts that ask for `--exit-codes=detailed`. Numbers are never given a new meaning. */
const DETAILED: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 2,
  UNSUPPORTED: 3,
  NOT_CONNECTED: 10,
  REPOSITORY_NOT_INITIALIZED: 11,
  REPOSITORY_EXISTS: 12,
  REPOSITORY_LOCKED: 13,
  INVALID_PASSWORD: 14,
  READ_ONLY: 15,
  NOT_MAINTENANCE_OWNER: 16,
  CLOCK_SKEW: 17,
  STORAGE_FAILED: 20,
  STORAGE_THROTTLED: 21,
  ACCESS_DENIED: 22,
  NO_SPACE: 23,
  ALREADY_EXISTS: 24,
  CORRUPT_DATA: 30,
  BLOB_NOT_FOUND: 31,
  CONTENT_NOT_FOUND: 32,
  OBJECT_NOT_FOUND: 33,
  MANIFEST_NOT_FOUND: 34,
  PATH_NOT_FOUND: 40,
  SOURCE_UNREADABLE: 41,
  TARGET_UNSAFE: 42,
  TARGET_UNWRITABLE: 43,
  ACTION_FAILED: 44,
  WORKER_FAILED: 45,
  ABORTED: EXIT_INTERRUPTED,
};

/** The command worked, and found or left errors that it has listed. */
const EXIT_INCOMPLETE = 4;

/** What a failure ends the program with. */
export function exitCodeOf(error: unknown, style: 'kopia' | 'detailed'): number {
  if (style === 'kopia') return EXIT_FAILURE;
  if (error instanceof UnsupportedUsageError) return DETAILED.UNSUPPORTED;
  if (error instanceof UsageError) return DETAILED.INVALID_ARGUMENT;
  if (error instanceof SilentFailure) {
    return error.cause === undefined ? EXIT_INCOMPLETE : exitCodeOf(error.cause, style);
  }
  const code = errorCode(error);
  return code === undefined ? EXIT_FAILURE : (DETAILED[code] ?? EXIT_FAILURE);
}

/**
 * The command did its work, said everything there is to say, and still did not succeed. With a `cause` it came to
 * nothing for that one reason, whose exit code it has.
 */
export class SilentFailure extends Error {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'SilentFailure';
  }
}

/** The command was interrupted before it could begin some of what it was asked for. */
export class InterruptedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InterruptedError';
  }
}
