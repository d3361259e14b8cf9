import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Something that goes wrong between client and store. */
export type ProxyFault =
  /** Answers with this S3 error once the request was read, and does not pass it on. */
  | { readonly kind: 'answer'; readonly status: number; readonly code: string }
  /** The same before the body of the request was read. */
  | { readonly kind: 'early-answer'; readonly status: number; readonly code: string }
  /** Cuts the connection after so many bytes of the answer's body; 0: before its head, after the effect. */
  | { readonly kind: 'cut-response'; readonly afterBytes: number }
  /** Cuts both connections after so many bytes of the request's body: the store never sees its end. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** Stops sending after so many bytes of the answer's body and keeps the connection open. */
  | { readonly kind: 'stall-response'; readonly afterBytes: number }
  /** Passes on another answer than the store gave. */
  | {
      readonly kind: 'change-response';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | undefined>>;
    };

export interface ProxyRule {
  /** Of the request that it strikes. Default: any. */
  readonly method?: string;
  /** Part of the path and query. Default: any. */
  readonly path?: string;
  /** How many requests meet it. Default 1. */
  readonly times?: number;
  readonly fault: ProxyFault;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface B2ProxyOptions {
  /** `host:port` of the store behind it, without TLS. */
  readonly target: string;
  /** Added to each request. Default 0. */
  readonly latencyMilliseconds?: number;
  /** Of each body, in both directions. Default: no limit. */
  readonly bytesPerSecond?: number;
}

export interface B2Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Every request that came, oldest first. */
  readonly requests: readonly SeenRequest[];
  /** Why requests were refused, oldest first: empty if the client asks for nothing that B2 lacks. */
  readonly refusals: readonly string[];
  addRule(rule: ProxyRule): void;
  /** Rules that have not struck as often as they should. */
  pendingRules(): readonly ProxyRule[];
}

/**
 * A proxy in front of an S3 store that refuses what Backblaze B2 and older stores refuse, and that fails on
 * demand. It passes the Host header on as it came, so that signatures stay valid.
 */
export async function startB2Proxy(options: B2ProxyOptions): Promise<B2Proxy> {
  const requests: SeenRequest[] = [];
  const refusals: string[] = [];
  const rules: { readonly rule: ProxyRule; left: number }[] = [];

  function strike(message: IncomingMessage): ProxyFault | undefined {
    const found = rules.find(
      ({ rule, left }) =>
        left > 0 &&
        (rule.method ?? message.method) === message.method &&
        (message.url ?? '').includes(rule.path ?? ''),
    );
    if (!found) return undefined;
    found.left--;
    return found.rule.fault;
  }

  async function handle(message: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = message;
    requests.push({ method, url, headers });
    if (options.latencyMilliseconds) await sleep(options.latencyMilliseconds);
    const refusal = refusalOf(message);
    if (refusal) {
      refusals.push(`${method} ${url}: ${refusal.message}`);
      message.resume();
      message.once('end', () => sendError(answer, refusal));
      return;
    }
    const fault = strike(message);
    if (fault?.kind === 'early-answer') {
      sendError(answer, { status: fault.status, code: fault.code, message: 'injected' });
    } else if (fault?.kind === 'answer') {
      message.resume();
      message.once('end', () =>
        sendError(answer, { status: fault.status, code: fault.code, message: 'injected' }),
      );
    } else {
      forward(message, answer, { ...options, fault });
    }
  }

  const server = createServer((message, answer) => void handle(message, answer));
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    refusals,
    addRule: (rule) => void rules.push({ rule, left: rule.times ?? 1 }),
    pendingRules: () => rules.filter(({ left }) => left > 0).map(({ rule }) => rule),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What B2's S3 interface and stores of its age do not understand or insist on. */
function refusalOf({ method, url = '', headers }: IncomingMessage): Refusal | undefined {
  const unsupported = Object.keys(headers).find((name) =>
    /^x-amz-(?:checksum-|sdk-checksum-algorithm$|trailer$)/.test(name),
  );
  if (unsupported !== undefined) {
    return { status: 400, code: 'InvalidArgument', message: `unsupported header ${unsupported}` };
  }
  const encoding = headers['content-encoding'] ?? '';
  const payload = String(headers['x-amz-content-sha256'] ?? '');
  if (encoding.includes('aws-chunked') || payload.startsWith('STREAMING-')) {
    return { status: 501, code: 'NotImplemented', message: 'aws-chunked bodies' };
  }
  if (headers['transfer-encoding'] !== undefined) {
    return { status: 411, code: 'MissingContentLength', message: 'no Content-Length' };
  }
  const isBatchDelete = method === 'POST' && /[?&]delete(?:[=&]|$)/.test(url);
  if ((method === 'PUT' || isBatchDelete) && headers['content-md5'] === undefined) {
    return { status: 400, code: 'InvalidRequest', message: 'no Content-MD5' };
  }
  return undefined;
}

function sendError(answer: ServerResponse, { status, code, message }: Refusal): void {
  const body =
    '<?xml version="1.0" encoding="UTF-8"?>' +
    `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  answer.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
  });
  answer.end(answer.req.method === 'HEAD' ? '' : body);
}

function forward(
  message: IncomingMessage,
  answer: ServerResponse,
  options: B2ProxyOptions & { readonly fault: ProxyFault | undefined },
): void {
  const { fault, bytesPerSecond } = options;
  const [host, port] = options.target.split(':');
  const cut = (): void => {
    message.destroy();
    upstream.destroy();
    answer.destroy();
  };
  const upstream = httpRequest(
    {
      host,
      port,
      method: message.method,
      path: message.url,
      headers: message.headers,
      setHost: false,
      agent: false,
    },
    (response) => {
      if (fault?.kind === 'cut-response' && fault.afterBytes === 0) {
        response.resume();
        response.once('end', cut);
        return;
      }
      const changed = fault?.kind === 'change-response' ? fault : undefined;
      const headers = { ...response.headers, ...changed?.headers };
      for (const [name, value] of Object.entries(headers)) {
        if (value === undefined) Reflect.deleteProperty(headers, name);
      }
      answer.writeHead(changed?.status ?? response.statusCode ?? 502, headers);
      response.on('error', cut);
      let body: Readable = limited(response, bytesPerSecond);
      if (fault?.kind === 'cut-response') body = ended(body, fault.afterBytes, cut);
      if (fault?.kind === 'stall-response') body = ended(body, fault.afterBytes, () => {});
      body.pipe(answer);
    },
  );
  upstream.on('error', cut);
  message.on('error', cut);
  answer.on('close', () => upstream.destroy());
  let body: Readable = limited(message, bytesPerSecond);
  if (fault?.kind === 'cut-request') body = ended(body, fault.afterBytes, cut);
  body.pipe(upstream);
}

/** Passes `count` bytes on, then calls `stop` and passes no more. */
function ended(source: Readable, count: number, stop: () => void): Readable {
  let left = count;
  return source.pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const part = chunk.subarray(0, left);
        left -= part.length;
        this.push(part);
        if (left > 0) done();
        else setTimeout(stop, 20);
      },
    }),
  );
}

function limited(source: Readable, bytesPerSecond: number | undefined): Readable {
  if (bytesPerSecond === undefined) return source;
  return source.pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        setTimeout(() => done(null, chunk), (chunk.length / bytesPerSecond) * 1000);
      },
    }),
  );
}
