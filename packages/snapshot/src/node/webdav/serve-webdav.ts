import { lookup } from 'node:dns/promises';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { BlockList, isIPv6, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { describeError, LongshoreError } from '@longshore/repo';
import type { MountedDirectory } from '../../mount/mounted-node.ts';
import {
  namesOfMachine,
  requireCredentials,
  requireKnownName,
  type Credentials,
} from './access.ts';
import { WebdavHandler } from './webdav-handler.ts';

/** Connections at once; further ones are refused. */
const MAX_CONNECTIONS = 128;
/** A connection on which nothing moves for so long is closed. */
const IDLE_MS = 5 * 60_000;
/** How long answers that are under way may take when the server is closed. */
const CLOSING_MS = 5000;

export interface ServeWebdavOptions {
  readonly root: MountedDirectory;
  /** Name or address to listen on. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly credentials?: Credentials | undefined;
  /** Serve others than this machine without credentials. */
  readonly allowEveryone?: boolean;
  /**
   * Names by which clients without credentials may call the server, beside `host`, addresses and `localhost`. Where
   * others than this machine are served, its own names are among them.
   */
  readonly hostNames?: readonly string[];
  /** PEM. Absent: HTTP without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Told of failures that are not a client's: what was asked for, and why it could not be given. */
  readonly onError?: (error: unknown, target: string) => void;
  /** Told of each answer when it is over. */
  readonly onAnswer?: (answer: WebdavAnswer) => void;
}

export interface WebdavAnswer {
  readonly method: string;
  /** As it was sent: with its escapes. */
  readonly target: string;
  readonly range: string | undefined;
  readonly status: number;
  /** False: the client left, or the answer was broken off. */
  readonly complete: boolean;
}

/** A running server. Disposing breaks off whatever is under way. */
export interface WebdavServer extends AsyncDisposable {
  /** `http://127.0.0.1:51515/` */
  readonly url: string;
  /** Takes no more requests, lets answers end for a few seconds, then breaks them off. */
  close(): Promise<void>;
}

/**
 * Serves a mounted tree, read-only, over WebDAV and to browsers. INVALID_ARGUMENT if it cannot listen there, or if
 * others than this machine could read everything without credentials.
 */
export async function serveWebdav(options: ServeWebdavOptions): Promise<WebdavServer> {
  const { host, port, credentials, allowEveryone = false, tls } = options;
  const address = await resolveHost(host);
  if (credentials === undefined && !allowEveryone && !isLoopback(address)) throw exposed(host);
  const listener = createListener(options, address);
  const server =
    tls === undefined
      ? process.getBuiltinModule('node:http').createServer(listener)
      : createTLS(tls, listener);
  // The answer to what must not be sent does not wait for it.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'PROPFIND') response.writeContinue();
    listener(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  const boundPort = await listen(server, address, port);
  const name = isIPv6(host) ? `[${host}]` : host;
  return new RunningServer(
    server,
    `${tls === undefined ? 'http' : 'https'}://${name}:${boundPort}/`,
  );
}

function createListener(options: ServeWebdavOptions, address: string): RequestListener {
  const { root, host, credentials, hostNames = [], onError, onAnswer } = options;
  const ownNames = isLoopback(address) ? [] : namesOfMachine(hostname());
  const handler = new WebdavHandler({
    root,
    access:
      credentials === undefined
        ? requireKnownName([host, ...ownNames, ...hostNames])
        : requireCredentials(credentials),
    onError: (error, { url = '' }) => onError?.(error, url),
  });
  return (request, response) => {
    const gone = new AbortController();
    response.on('close', () => {
      gone.abort();
      onAnswer?.({
        method: request.method ?? '',
        target: request.url ?? '',
        range: request.headers.range,
        status: response.statusCode,
        complete: response.writableFinished,
      });
    });
    void handler.handle(request, response, gone.signal);
  };
}

function createTLS(
  tls: { readonly cert: string; readonly key: string },
  listener: RequestListener,
): Server {
  try {
    return process.getBuiltinModule('node:https').createServer(tls, listener);
  } catch (cause) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `the certificate and key cannot be used: ${describeError(cause)}`,
      { cause },
    );
  }
}

async function resolveHost(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw cannotListen(host, cause);
  }
}

/** Resolves to the port. */
function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(`${host}:${port}`, cause)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function cannotListen(where: string, cause: unknown): LongshoreError {
  return new LongshoreError(
    'INVALID_ARGUMENT',
    `cannot listen on ${where}: ${describeError(cause)}`,
    { cause },
  );
}

function exposed(host: string): LongshoreError {
  return new LongshoreError(
    'INVALID_ARGUMENT',
    `on ${host} others could read every snapshot: ask for a password, or allow that explicitly`,
  );
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

class RunningServer implements WebdavServer {
  readonly url: string;
  readonly #server: Server;
  readonly #closed: Promise<void>;

  constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
    this.#closed = new Promise((resolve) => server.once('close', resolve));
  }

  async close(): Promise<void> {
    // Stops listening and closes the connections that wait for a request.
    this.#server.close();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSING_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#closed;
  }
}
