/**
 * The closed set of reasons for which longshore fails. Callers match `code`, never the class: an error
 * that crossed a worker or a second copy of the package keeps its code and loses its prototype.
 */
export type ErrorCode =
  | 'ABORTED'
  | 'ACCESS_DENIED'
  | 'ACTION_FAILED'
  | 'ALREADY_EXISTS'
  | 'BLOB_NOT_FOUND'
  | 'CLOCK_SKEW'
  | 'CONTENT_NOT_FOUND'
  | 'CORRUPT_DATA'
  | 'INVALID_ARGUMENT'
  | 'INVALID_PASSWORD'
  | 'MANIFEST_NOT_FOUND'
  | 'NO_SPACE'
  | 'NOT_CONNECTED'
  | 'NOT_MAINTENANCE_OWNER'
  | 'OBJECT_NOT_FOUND'
  | 'PATH_NOT_FOUND'
  | 'READ_ONLY'
  | 'REPOSITORY_EXISTS'
  | 'REPOSITORY_LOCKED'
  | 'REPOSITORY_NOT_INITIALIZED'
  | 'SOURCE_UNREADABLE'
  | 'STORAGE_FAILED'
  | 'STORAGE_THROTTLED'
  | 'TARGET_UNSAFE'
  | 'TARGET_UNWRITABLE'
  | 'UNSUPPORTED'
  | 'WORKER_FAILED';

/** Facts that an error may carry beside its message. Secrets and file contents never enter it. */
export interface ErrorFacts {
  readonly blobID?: string;
  readonly contentID?: string;
  readonly objectID?: string;
  readonly manifestID?: string;
  readonly path?: string;
  readonly offset?: number;
  readonly field?: string;
  readonly cause?: unknown;
}

/** Every failure that longshore itself raises. `retryable` is decided by the storage adapter alone. */
export class LongshoreError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly facts: ErrorFacts;

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorFacts & { readonly retryable?: boolean } = {},
  ) {
    const { cause, retryable = false, ...facts } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LongshoreError';
    this.code = code;
    this.retryable = retryable;
    this.facts = facts;
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...this.facts,
      ...(this.cause === undefined ? {} : { cause: describeError(this.cause) }),
    };
  }
}

/** Stored bytes are not what their name, length, checksum or grammar says. Never retryable. */
export class CorruptDataError extends LongshoreError {
  constructor(message: string, facts: ErrorFacts = {}) {
    super('CORRUPT_DATA', message, facts);
    this.name = 'CorruptDataError';
  }
}

/** True if `error` is a longshore error with this code, wherever it was made. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return errorCode(error) === code;
}

/** The code of an error, or undefined if it is not longshore's. */
export function errorCode(error: unknown): ErrorCode | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  const facts: unknown = Reflect.get(error, 'retryable');
  return typeof code === 'string' && typeof facts === 'boolean' ? (code as ErrorCode) : undefined;
}

/** One line for a person: the message of an error, or the text of whatever was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Stays on in production. For facts that only a defect in longshore can break. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal error: ${message}`);
}
