import { abortOptions } from '../blob/storage.ts';
import { Budget } from '../parallel.ts';
import type { HttpAnswer, RoomForBody } from './http-answer.ts';
import {
  HttpConnection,
  type HttpConnectionOptions,
  type HttpOrigin,
  type TLSSessions,
} from './http-connection.ts';

export interface HttpGetterOptions extends HttpConnectionOptions {
  /** At once; further requests wait. */
  readonly maxConnections: number;
}

export interface GetRequest {
  readonly origin: HttpOrigin;
  /** Path and query, as they are sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly roomFor: RoomForBody;
  readonly signal?: AbortSignal | undefined;
}

/** An idle connection is given up after so long: a server would close it under the next request. */
const MAX_IDLE_MS = 15_000;

/** Sends GET requests over connections that are kept. Each is sent once: who wants another attempt asks again. */
export class HttpGetter {
  readonly #options: HttpGetterOptions;
  readonly #permits: Budget;
  readonly #origins = new Map<string, Connections>();
  #isClosed = false;

  constructor(options: HttpGetterOptions) {
    this.#options = options;
    this.#permits = new Budget(options.maxConnections);
  }

  async get({ origin, target, headers, roomFor, signal }: GetRequest): Promise<HttpAnswer> {
    const head = requestHead(target, headers);
    const release = await this.#permits.acquire(1, abortOptions({ signal }));
    try {
      if (this.#isClosed) throw new Error('the client is closed');
      const connections = this.#connectionsTo(origin);
      const connection = connections.take(origin, this.#options);
      const answer = await connection.get(head, roomFor, signal);
      connections.giveBack(connection, idleLimit(answer));
      return answer;
    } finally {
      release();
    }
  }

  /** Requests under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const connections of this.#origins.values()) connections.close();
    this.#origins.clear();
  }

  #connectionsTo({ usesTLS, host, port }: HttpOrigin): Connections {
    const key = `${usesTLS} ${host} ${port}`;
    let connections = this.#origins.get(key);
    if (connections === undefined) {
      connections = new Connections();
      this.#origins.set(key, connections);
    }
    return connections;
  }
}

/** Those to one origin. */
class Connections {
  readonly #all = new Set<HttpConnection>();
  readonly #idle: { readonly connection: HttpConnection; readonly until: number }[] = [];
  readonly #sessions: TLSSessions = { last: undefined };

  /** The one that was used last, or a new one. */
  take(origin: HttpOrigin, options: HttpConnectionOptions): HttpConnection {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.connection.isOpen && performance.now() < idle.until) return idle.connection;
      idle.connection.close();
    }
    const connection: HttpConnection = new HttpConnection(origin, options, {
      sessions: this.#sessions,
      onClose: () => this.#all.delete(connection),
    });
    this.#all.add(connection);
    return connection;
  }

  giveBack(connection: HttpConnection, idleMilliseconds: number): void {
    if (!connection.isOpen) return;
    this.#idle.push({ connection, until: performance.now() + idleMilliseconds });
  }

  close(): void {
    for (const connection of this.#all) connection.close();
    this.#idle.length = 0;
  }
}

function requestHead(target: string, headers: Readonly<Record<string, string>>): string {
  const lines = [`GET ${target} HTTP/1.1`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  lines.push('connection: keep-alive');
  // The string is what was signed: a line break in it would say something else.
  if (lines.some((line) => /[\0\r\n]/.test(line)) || /\s/.test(target)) {
    throw new TypeError('a request with a line break');
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A server may say how long it waits; a second less than that is safe. */
function idleLimit({ headers }: HttpAnswer): number {
  const seconds = /\btimeout=(\d{1,6})\b/i.exec(headers['keep-alive'] ?? '')?.[1];
  if (seconds === undefined) return MAX_IDLE_MS;
  return Math.min(MAX_IDLE_MS, Number(seconds) * 1000 - 1000);
}
