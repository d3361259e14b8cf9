import { LongshoreError } from '../errors.ts';
import type { ErrorCode, ErrorFacts } from '../errors.ts';

/** What was being done, for messages. Nothing in it is secret. */
export interface S3Operation {
  /** For example `write blob p123`. */
  readonly action: string;
  readonly bucket: string;
  readonly host: string;
  readonly blobID?: string;
}

/** What an S3 service or the way to it said. */
interface S3Failure {
  /** S3's error code, such as `NoSuchKey`, or that of the network, such as `ECONNRESET`. */
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
  readonly serverTime: string | undefined;
  readonly requestTime: string | undefined;
}

/** S3 refuses signatures that are further off. */
const MAX_CLOCK_SKEW_MS = 15 * 60_000;

interface Verdict {
  readonly code: ErrorCode;
  readonly why: string;
  readonly retryable?: boolean;
}

/** An error of the SDK as ours; ours are returned as they are. Credentials and signatures never enter it. */
export function s3Error(error: unknown, operation: S3Operation): LongshoreError {
  if (error instanceof LongshoreError) return error;
  const failure = describeFailure(error);
  const {
    code,
    why,
    retryable = false,
  } = verdictByCode(failure, operation) ?? verdictByStatus(failure, operation);
  const facts: ErrorFacts = operation.blobID === undefined ? {} : { blobID: operation.blobID };
  return new LongshoreError(code, `cannot ${operation.action}: ${why}`, {
    ...facts,
    retryable,
    cause: strippedCause(failure),
  });
}

/** S3's error code, for callers that treat one specially. */
export function s3ErrorCode(error: unknown): string {
  return describeFailure(error).code;
}

/** The region that the bucket is in, if the service refused a request because of a wrong one. */
export function regionFromS3Error(error: unknown): string | undefined {
  const { code, status } = describeFailure(error);
  const wrongRegion =
    status === 301 ||
    ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IncorrectEndpoint'].includes(code);
  if (!wrongRegion) return undefined;
  const region = field(error, 'Region') ?? field(headersOf(error), 'x-amz-bucket-region');
  return region !== undefined && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}

function verdictByCode(failure: S3Failure, operation: S3Operation): Verdict | undefined {
  const { bucket, host } = operation;
  if (isClockSkewed(failure)) return clockSkew(failure, host);
  switch (failure.code) {
    case 'NoSuchKey':
    case 'NotFound':
      return { code: 'BLOB_NOT_FOUND', why: 'not found' };
    case 'NoSuchBucket':
      return { code: 'STORAGE_FAILED', why: `there is no bucket ${bucket} on ${host}` };
    case 'PreconditionFailed':
      return { code: 'ALREADY_EXISTS', why: 'it exists already' };
    case 'AccessDenied':
    case 'Forbidden':
      return {
        code: 'ACCESS_DENIED',
        why:
          `${host} denies access to bucket ${bucket}: the key needs s3:GetObject, s3:PutObject, ` +
          's3:DeleteObject and s3:ListBucket (without the last, a missing object is denied too)',
      };
    case 'InvalidToken':
    case 'InvalidTokenId':
    case 'ExpiredToken':
      return {
        code: 'ACCESS_DENIED',
        why: `${host} refuses the session token (${failure.code}): it is wrong or has expired`,
      };
    case 'InvalidAccessKeyId':
    case 'CredentialsProviderError':
      return {
        code: 'ACCESS_DENIED',
        why: `${host} does not know the access key (${failure.code})`,
      };
    case 'SignatureDoesNotMatch':
      return {
        code: 'ACCESS_DENIED',
        why: `${host} refuses the signature: the secret access key or the region is wrong`,
      };
    case 'ObjectLocked':
      return { code: 'ACCESS_DENIED', why: `the object lock of bucket ${bucket} forbids it` };
    case 'ConditionalRequestConflict':
      return retry(`${host} saw another write of the same object at the same time`);
    case 'BadDigest':
    case 'InvalidDigest':
    case 'IncompleteBody':
    case 'RequestTimeout':
      return retry(`${host} did not receive the bytes as they were sent (${failure.code})`);
    case 'NotImplemented':
      return { code: 'UNSUPPORTED', why: `${host} cannot do this: ${failure.message}` };
    case 'InvalidRequest':
    case 'ObjectLockConfigurationNotFoundError':
      return /lock|retention/i.test(failure.message)
        ? { code: 'UNSUPPORTED', why: `bucket ${bucket} has no object lock` }
        : undefined;
    default:
      return verdictOfNetwork(failure, host);
  }
}

function verdictOfNetwork({ code, message }: S3Failure, host: string): Verdict | undefined {
  switch (code) {
    case 'ENOTFOUND':
      return { code: 'STORAGE_FAILED', why: `there is no host ${host}` };
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return {
        code: 'STORAGE_FAILED',
        why: `${host} does not speak TLS (disableTLS turns it off)`,
      };
    case 'ECONNRESET':
    case 'ECONNREFUSED':
    case 'ECONNABORTED':
    case 'EPIPE':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENETDOWN':
    case 'EAI_AGAIN':
    case 'EADDRNOTAVAIL':
    case 'EMFILE':
    case 'TimeoutError':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return retry(`the connection to ${host} failed: ${code}`);
    default:
      return /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ALTNAME/.test(code)
        ? {
            code: 'STORAGE_FAILED',
            why: `the certificate of ${host} is not trusted (rootCA adds an authority): ${message}`,
          }
        : undefined;
  }
}

function verdictByStatus(failure: S3Failure, { host, bucket }: S3Operation): Verdict {
  const { code, status, message } = failure;
  if (status === undefined) return { code: 'STORAGE_FAILED', why: `${code}: ${message}` };
  const said = `${host} answered ${status} (${code}): ${message}`;
  if (['SlowDown', 'TooManyRequests', 'Throttling', 'ThrottlingException'].includes(code)) {
    return { code: 'STORAGE_THROTTLED', why: said, retryable: true };
  }
  if (code === 'RequestLimitExceeded' || status === 429 || status === 503) {
    return { code: 'STORAGE_THROTTLED', why: said, retryable: true };
  }
  if (status === 404) return { code: 'BLOB_NOT_FOUND', why: 'not found' };
  if (status === 401 || status === 403) return { code: 'ACCESS_DENIED', why: said };
  if (status === 412) return { code: 'ALREADY_EXISTS', why: 'it exists already' };
  if (status === 507) return { code: 'NO_SPACE', why: said };
  if (status === 301 || status === 307) {
    return { code: 'STORAGE_FAILED', why: `bucket ${bucket} is in another region: ${said}` };
  }
  if (status >= 500 || status === 408) return retry(said);
  return { code: 'STORAGE_FAILED', why: said };
}

function retry(why: string): Verdict {
  return { code: 'STORAGE_FAILED', why, retryable: true };
}

/** The answer to a HEAD has no code: there the refusal and the time of the server must do. */
function isClockSkewed({ code, status, serverTime }: S3Failure): boolean {
  if (code === 'RequestTimeTooSkewed') return true;
  const difference = Math.abs(Date.parse(serverTime ?? '') - Date.now());
  return status === 403 && code === 'Forbidden' && difference > MAX_CLOCK_SKEW_MS;
}

/** The SDK learns the difference from this very answer, so that another attempt is signed with the right time. */
function clockSkew({ serverTime, requestTime }: S3Failure, host: string): Verdict {
  const ours = requestTime ?? 'unknown';
  return retry(
    `the clocks disagree: here it is ${ours}, on ${host} it is ${serverTime ?? 'unknown'}; ` +
      'set the clock of this machine',
  );
}

function describeFailure(error: unknown): S3Failure {
  const headers = headersOf(error);
  const { date } = headers;
  return {
    code: failureCode(error),
    status: statusOf(error),
    message: error instanceof Error ? error.message : String(error),
    serverTime: field(error, 'ServerTime') ?? (typeof date === 'string' ? date : undefined),
    requestTime: field(error, 'RequestTime') ?? new Date().toUTCString(),
  };
}

/** Network errors carry `code`, answers of the service their code as `name`. */
function failureCode(error: unknown): string {
  const code = field(error, 'code');
  if (code !== undefined && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
  const inner = error instanceof AggregateError ? error.errors[0] : undefined;
  if (inner !== undefined) return failureCode(inner);
  return field(error, 'name') ?? 'Unknown';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const metadata: unknown = Reflect.get(error, '$metadata');
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const status: unknown = Reflect.get(metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

function headersOf(error: unknown): Record<string, unknown> {
  if (typeof error !== 'object' || error === null) return {};
  const response: unknown = Reflect.get(error, '$response');
  if (typeof response !== 'object' || response === null) return {};
  const headers: unknown = Reflect.get(response, 'headers');
  return typeof headers === 'object' && headers !== null ? { ...headers } : {};
}

function field(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'string' ? found : undefined;
}

/** The SDK's errors hold whole answers, with key IDs and the string that was signed: only the words are kept. */
function strippedCause({ code, status, message }: S3Failure): Error {
  const cause = new Error(status === undefined ? message : `HTTP ${status}: ${message}`);
  cause.name = code;
  return cause;
}
