import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTLS } from 'node:tls';

import { closedEarly, HttpAnswerReader, type HttpAnswer, type RoomForBody } from './http-answer.ts';

export interface HttpOrigin {
  readonly usesTLS: boolean;
  /** A name or address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface HttpConnectionOptions {
  readonly connectTimeoutMilliseconds: number;
  /** Nothing sent or received for so long ends a request. */
  readonly idleTimeoutMilliseconds: number;
  /** PEM: trusted instead of the system's authorities. */
  readonly rootCA?: string | undefined;
  readonly acceptsAnyCertificate: boolean;
}

/** What resumes a TLS session, as the last connection to the same origin left it. */
export interface TLSSessions {
  last: Buffer | undefined;
}

const SCRATCH_LENGTH = 64 * 1024;
const KEEP_ALIVE_MS = 1000;

interface Exchange {
  readonly reader: HttpAnswerReader;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One connection for GET requests, one at a time. Bodies are read from the socket straight into the memory that they are
 * for: `node:http` allocates 64 KiB for each piece that it hands out, and the garbage collector then takes a quarter of
 * the processor time of a restore.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #scratch = new Uint8Array(SCRATCH_LENGTH);
  readonly #onClose: () => void;
  readonly #connectTimer: NodeJS.Timeout;
  #exchange: Exchange | undefined;
  #isOpen = true;

  /** Connects; failures strike the first request. `onClose` is called once it is of no more use. */
  constructor(
    { usesTLS, host, port }: HttpOrigin,
    options: HttpConnectionOptions,
    { sessions, onClose }: { readonly sessions: TLSSessions; readonly onClose: () => void },
  ) {
    this.#onClose = onClose;
    const common = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread: {
        buffer: () => this.#exchange?.reader.buffer ?? this.#scratch,
        callback: (count: number) => this.#accept(count),
      },
    };
    if (usesTLS) {
      const socket = connectTLS({
        ...common,
        ...(isAddress(host) ? {} : { servername: host }),
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: !options.acceptsAnyCertificate,
        ...(options.rootCA === undefined ? {} : { ca: options.rootCA }),
        ...(sessions.last === undefined ? {} : { session: sessions.last }),
      });
      socket.on('session', (session) => (sessions.last = session));
      this.#socket = socket;
    } else {
      this.#socket = connectPlain(common);
    }
    const { connectTimeoutMilliseconds, idleTimeoutMilliseconds } = options;
    this.#connectTimer = setTimeout(() => {
      this.#fail(timeout(`no connection after ${connectTimeoutMilliseconds} ms`));
    }, connectTimeoutMilliseconds);
    this.#socket.once('connect', () => clearTimeout(this.#connectTimer));
    this.#socket.setTimeout(idleTimeoutMilliseconds, () => {
      this.#fail(timeout(`nothing received for ${idleTimeoutMilliseconds} ms`));
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#end());
    this.#socket.on('close', () => this.#end());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends a head and reads the answer. Afterwards the connection is idle, or closed where it cannot be used again. */
  async get(
    head: string,
    roomFor: RoomForBody,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    if (!this.#isOpen) throw closedEarly();
    const onAbort = (): void => this.#fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#socket.ref();
    try {
      return await new Promise<HttpAnswer>((resolve, reject) => {
        const reader = new HttpAnswerReader(roomFor, this.#scratch);
        this.#exchange = { reader, resolve, reject };
        this.#socket.write(head, 'latin1');
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
      // Nobody waits for an idle connection.
      this.#socket.unref();
    }
  }

  close(): void {
    this.#fail(closedEarly());
  }

  /** False would stop reading. */
  #accept(count: number): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#fail(new Error('bytes that nobody asked for'));
      return true;
    }
    try {
      exchange.reader.accept(count);
    } catch (error) {
      this.#fail(error);
      return true;
    }
    this.#settle(exchange);
    return true;
  }

  #settle({ reader, resolve }: Exchange): void {
    if (reader.answer === undefined) return;
    this.#exchange = undefined;
    if (!reader.keepsAlive) this.#fail(undefined);
    resolve(reader.answer);
  }

  /** The other side closed it: that may be how a body ends. */
  #end(): void {
    const exchange = this.#exchange;
    try {
      exchange?.reader.end();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (exchange !== undefined) this.#settle(exchange);
    this.#fail(closedEarly());
  }

  /** From here on nothing is written to the memory of a request. */
  #fail(error: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.#isOpen) {
      this.#isOpen = false;
      clearTimeout(this.#connectTimer);
      this.#socket.destroy();
      this.#onClose();
    }
    exchange?.reject(error);
  }
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}

/** With the name that the SDK gives it. */
function timeout(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError' });
}
