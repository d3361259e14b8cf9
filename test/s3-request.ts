import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

export interface S3Account {
  /** `host:port`, without TLS. */
  readonly endpoint: string;
  readonly accessKeyID: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Uint8Array;
}

/**
 * One signed request (AWS Signature Version 4), independent of the SDK under test: for making buckets and for
 * looking at what is really stored. `path` and `query` must be encoded already.
 */
export async function s3Request(
  account: S3Account,
  method: string,
  path: string,
  options: {
    readonly query?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    /** Default `s3`. */
    readonly service?: 's3' | 'sts';
  } = {},
): Promise<S3Answer> {
  const { query = '', body = '', service = 's3' } = options;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    ...options.headers,
    host: account.endpoint,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': time,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n');
  const scope = `${time.slice(0, 8)}/${account.region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [time.slice(0, 8), account.region, service, 'aws4_request'].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${account.secretAccessKey}`),
  );
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${account.accessKeyID}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${hmac(key, toSign).toString('hex')}`;
  const url = `http://${account.endpoint}${path}${query === '' ? '' : `?${query}`}`;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode: status = 0, headers: answered } = answer;
        resolve({ status, headers: answered, body: bytes.toString(), bytes });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
