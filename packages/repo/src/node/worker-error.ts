import { CorruptDataError, describeError, errorCode, LongshoreError } from '../errors.ts';
import type { WorkerError } from './content-worker-protocol.ts';

/** Causes of causes that are carried along. */
const MAX_CAUSES = 8;

/** An error as data that can be posted to another thread. */
export function packError(error: unknown, depth = 0): WorkerError {
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    name: error instanceof Error ? error.name : 'Error',
    code: errorCode(error),
    retryable: error instanceof LongshoreError && error.retryable,
    message: describeError(error),
    stack: error instanceof Error ? error.stack : undefined,
    facts: error instanceof LongshoreError ? error.facts : {},
    cause: cause === undefined || depth >= MAX_CAUSES ? undefined : packError(cause, depth + 1),
  };
}

/** Inverse of {@link packError}: of the right class if it is longshore's. */
export function unpackError(packed: WorkerError): Error {
  const error = createError(packed);
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

function createError({ name, code, retryable, message, facts, cause }: WorkerError): Error {
  const options = cause === undefined ? {} : { cause: unpackError(cause) };
  if (code === 'CORRUPT_DATA') return new CorruptDataError(message, { ...facts, ...options });
  if (code !== undefined) {
    return new LongshoreError(code, message, { ...facts, retryable, ...options });
  }
  const error = new Error(message, options);
  error.name = name;
  return error;
}
