import { expect, it } from 'vitest';

import { LongshoreError } from '../errors.ts';
import { regionFromS3Error, s3Error } from './s3-errors.ts';

const operation = {
  action: 'read blob p1',
  bucket: 'backups',
  host: 's3.example.com',
  blobID: 'p1',
};

function answer(name: string, status: number | undefined, fields: object = {}): Error {
  return Object.assign(new Error('as the server says'), {
    name,
    $metadata: { httpStatusCode: status },
    ...fields,
  });
}

function network(code: string): Error {
  return Object.assign(new Error('as the system says'), { code });
}

it.each([
  [answer('NoSuchKey', 404), 'BLOB_NOT_FOUND', false],
  [answer('NotFound', 404), 'BLOB_NOT_FOUND', false],
  [answer('NoSuchBucket', 404), 'STORAGE_FAILED', false],
  [answer('AccessDenied', 403), 'ACCESS_DENIED', false],
  [answer('InvalidAccessKeyId', 403), 'ACCESS_DENIED', false],
  [answer('SignatureDoesNotMatch', 403), 'ACCESS_DENIED', false],
  [answer('ExpiredToken', 400), 'ACCESS_DENIED', false],
  [answer('InvalidTokenId', 403), 'ACCESS_DENIED', false],
  [answer('PreconditionFailed', 412), 'ALREADY_EXISTS', false],
  [answer('ConditionalRequestConflict', 409), 'STORAGE_FAILED', true],
  [answer('SlowDown', 503), 'STORAGE_THROTTLED', true],
  [answer('ServiceUnavailable', 503), 'STORAGE_THROTTLED', true],
  [answer('TooManyRequests', 429), 'STORAGE_THROTTLED', true],
  [answer('SlowDown', 400), 'STORAGE_THROTTLED', true],
  [answer('InternalError', 500), 'STORAGE_FAILED', true],
  [answer('BadGateway', 502), 'STORAGE_FAILED', true],
  [answer('RequestTimeout', 400), 'STORAGE_FAILED', true],
  [answer('XMinioStorageFull', 507), 'NO_SPACE', false],
  [answer('InvalidArgument', 400), 'STORAGE_FAILED', false],
  [answer('NotImplemented', 501), 'UNSUPPORTED', false],
  [network('ECONNRESET'), 'STORAGE_FAILED', true],
  [network('ETIMEDOUT'), 'STORAGE_FAILED', true],
  [new AggregateError([network('ECONNREFUSED')]), 'STORAGE_FAILED', true],
  [network('ENOTFOUND'), 'STORAGE_FAILED', false],
  [network('DEPTH_ZERO_SELF_SIGNED_CERT'), 'STORAGE_FAILED', false],
  [new TypeError('a defect'), 'STORAGE_FAILED', false],
])('makes of %s %s (retryable: %s)', (error, code, retryable) => {
  expect(s3Error(error, operation)).toMatchObject({ code, retryable, facts: { blobID: 'p1' } });
});

it('keeps the words of the service and nothing else of its answer', () => {
  const error = s3Error(
    answer('AccessDenied', 403, { AWSAccessKeyId: 'AKID', StringToSign: 'AWS4', $response: {} }),
    operation,
  );
  expect(error.cause).toMatchObject({
    name: 'AccessDenied',
    message: 'HTTP 403: as the server says',
  });
  expect(Object.keys(Object(error.cause))).toEqual(['name']);
});

it('leaves errors of its own alone', () => {
  const own = new LongshoreError('UNSUPPORTED', 'no');
  expect(s3Error(own, operation)).toBe(own);
});

it('tells a wrong clock by its code, or by a refused HEAD with another date', () => {
  const past = { $response: { headers: { date: 'Tue, 02 Jan 2024 03:04:05 GMT' } } };
  const serverTime = /here it is .* GMT, on s3\.example\.com it is Tue, 02 Jan 2024 03:04:05 GMT/;
  for (const name of ['RequestTimeTooSkewed', 'Forbidden']) {
    const error = s3Error(answer(name, 403, past), operation);
    expect(error.message).toMatch(serverTime);
    expect(error.retryable).toBe(true);
  }
  const today = { $response: { headers: { date: new Date().toUTCString() } } };
  expect(s3Error(answer('Forbidden', 403, today), operation).code).toBe('ACCESS_DENIED');
  const stated = { RequestTime: '20240101T000000Z', ServerTime: '2024-01-02T00:00:00Z' };
  expect(s3Error(answer('RequestTimeTooSkewed', 403, stated), operation).message).toContain(
    'here it is 20240101T000000Z, on s3.example.com it is 2024-01-02T00:00:00Z',
  );
});

it('reads the right region from the refusals that name it', () => {
  const header = { $response: { headers: { 'x-amz-bucket-region': 'eu-west-1' } } };
  expect(regionFromS3Error(answer('PermanentRedirect', 301, header))).toBe('eu-west-1');
  expect(regionFromS3Error(answer('AuthorizationHeaderMalformed', 400, { Region: 'eu-x-1' }))).toBe(
    'eu-x-1',
  );
  expect(regionFromS3Error(answer('AccessDenied', 403, header))).toBeUndefined();
  const hostile = { Region: 'x.evil.example/' };
  expect(regionFromS3Error(answer('AuthorizationHeaderMalformed', 400, hostile))).toBeUndefined();
});
