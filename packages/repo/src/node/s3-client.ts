import { createHash } from 'node:crypto';

import type { S3Client } from '@aws-sdk/client-s3';

import { LongshoreError } from '../errors.ts';
import { nonEmpty } from './s3-endpoint.ts';
import type { S3Endpoint } from './s3-endpoint.ts';

export interface S3ClientOptions {
  /** Together with `secretAccessKey`; without both, the SDK looks in the environment, profiles and instance roles. */
  readonly accessKeyID?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Accepts any certificate. For tests of a server, never for backups across a network. */
  readonly disableTLSVerification?: boolean;
  /** PEM: trusted instead of the system's authorities. */
  readonly rootCA?: string;
  /** Sockets at most for what reads, and for what writes; further requests wait for one. Default 32. */
  readonly maxConnections?: number;
  /** Default 10 s. */
  readonly connectTimeoutMilliseconds?: number;
  /** A request fails when nothing was sent or received for so long. Default 60 s. */
  readonly idleTimeoutMilliseconds?: number;
}

export type S3Module = typeof import('@aws-sdk/client-s3');

/** The SDK, loaded when the first request needs it: a filesystem repository opens without that cost. */
export interface LoadedS3 {
  readonly sdk: S3Module;
  /** A client for another region on the same connections. Close the last one only. */
  clientFor(region: string): S3Client;
}

const DEFAULT_MAX_CONNECTIONS = 32;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;

/** INVALID_ARGUMENT if half of the credentials is missing. */
export function checkS3Credentials(options: S3ClientOptions): void {
  const { accessKeyID, secretAccessKey } = options;
  if ((nonEmpty(accessKeyID) === undefined) !== (nonEmpty(secretAccessKey) === undefined)) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'accessKeyID and secretAccessKey go together: give both, or neither to use those of the environment',
    );
  }
}

export async function loadS3(endpoint: S3Endpoint, options: S3ClientOptions): Promise<LoadedS3> {
  const [sdk, { S3RequestHandler }, { HttpGetter }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('./s3-request-handler.ts'),
    import('./http-getter.ts'),
  ]);
  // Not imported: as an ES module it brings along all of Node's fetch.
  const http = process.getBuiltinModule('node:http');
  const https = process.getBuiltinModule('node:https');
  const {
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    connectTimeoutMilliseconds = DEFAULT_CONNECT_TIMEOUT_MS,
    idleTimeoutMilliseconds = DEFAULT_IDLE_TIMEOUT_MS,
    disableTLSVerification: acceptsAnyCertificate = false,
  } = options;
  const rootCA = nonEmpty(options.rootCA);
  const getter = new HttpGetter({
    maxConnections,
    connectTimeoutMilliseconds,
    idleTimeoutMilliseconds,
    acceptsAnyCertificate,
    rootCA,
  });
  const sockets = { keepAlive: true, maxSockets: maxConnections };
  const requestHandler = new S3RequestHandler(getter, {
    connectionTimeout: connectTimeoutMilliseconds,
    socketTimeout: idleTimeoutMilliseconds,
    httpAgent: new http.Agent(sockets),
    httpsAgent: new https.Agent({
      ...sockets,
      rejectUnauthorized: !acceptsAnyCertificate,
      ...(rootCA !== undefined && { ca: rootCA }),
    }),
    logger: SILENT,
  });
  return {
    sdk,
    clientFor(region) {
      const client = new sdk.S3Client({
        ...credentialsOf(options),
        ...(endpoint.url !== undefined && { endpoint: endpoint.url }),
        region,
        forcePathStyle: endpoint.pathStyle,
        requestHandler,
        logger: SILENT,
        // One decorator above all storages tries again; two loops would multiply the attempts.
        maxAttempts: 1,
        retryMode: 'standard',
        expectContinueHeader: false,
        // Newer checksums are unknown to Backblaze B2 and older stores: Content-MD5 does their work.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      });
      usePlainIntegrity(client);
      return client;
    },
  };
}

interface SignableRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/**
 * Leaves exactly one proof of integrity on what is sent, Content-MD5, which every S3 service knows and which
 * the signature covers; the payload itself is not hashed a second time for the signature.
 */
function usePlainIntegrity(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as SignableRequest;
      const { headers, body } = request;
      for (const name of Object.keys(headers)) {
        if (/^x-amz-(?:checksum-|sdk-checksum-algorithm$)/i.test(name)) delete headers[name];
      }
      if (context.commandName === 'PutObjectCommand') {
        headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      } else if (request.method === 'PUT' && typeof body === 'string') {
        headers['content-md5'] = createHash('md5').update(body).digest('base64');
      }
      return next(args);
    },
    // `low` within `build`: after the SDK's own checksums, before the signature.
    { step: 'build', priority: 'low', name: 'longshorePlainIntegrity' },
  );
}

function credentialsOf(options: S3ClientOptions): {
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
} {
  const accessKeyId = nonEmpty(options.accessKeyID);
  const secretAccessKey = nonEmpty(options.secretAccessKey);
  const sessionToken = nonEmpty(options.sessionToken);
  if (accessKeyId === undefined || secretAccessKey === undefined) return {};
  return {
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
    },
  };
}

/** The SDK would write warnings to the console of whoever uses this library. */
const SILENT = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};
