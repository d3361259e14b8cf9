import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createRequestCounter, type RequestLine } from './request-counter.ts';

export interface S3ProxyOptions {
  /** `host:port` of the store behind it, without TLS. */
  readonly target: string;
  /** Of a round trip, in milliseconds. A new connection costs one too, as its handshake would. Default 0. */
  readonly latencyMs?: number;
  /** In each direction, all connections together. Default: no limit. */
  readonly bytesPerSecond?: number;
  readonly onRequest?: (line: RequestLine) => void;
}

export interface S3Proxy extends AsyncDisposable {
  /** `host:port`. */
  readonly endpoint: string;
  readonly traffic: {
    readonly requests: number;
    /** From the client to the store. */
    readonly bytesSent: number;
    readonly bytesReceived: number;
  };
}

/** Bytes on the way in one direction of a connection before its sender has to wait. */
const MAX_QUEUED = 4 * 1024 * 1024;

/** One direction of the line: all connections share its bandwidth. */
class Line {
  readonly #bytesPerSecond: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** When the last of so many bytes has left, in milliseconds as `performance.now()` counts. */
  leaveAt(bytes: number): number {
    this.#freeAt =
      Math.max(performance.now(), this.#freeAt) + (bytes / this.#bytesPerSecond) * 1000;
    return this.#freeAt;
  }
}

/**
 * A line with delay and limited bandwidth in front of an S3 store. It passes bytes on as they are, so that signatures
 * stay valid, and counts requests by their heads.
 */
export async function startS3Proxy(options: S3ProxyOptions): Promise<S3Proxy> {
  const { latencyMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = options;
  const [host = '127.0.0.1', port = '80'] = options.target.split(':');
  const up = new Line(bytesPerSecond);
  const down = new Line(bytesPerSecond);
  const traffic = { requests: 0, bytesSent: 0, bytesReceived: 0 };
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const store = connect({ port: Number(port), host, noDelay: true });
    open.add(client).add(store);
    const countRequests = createRequestCounter((line) => {
      traffic.requests += 1;
      options.onRequest?.(line);
    });
    forward(client, store, {
      line: up,
      delayMs: latencyMs / 2,
      // What a handshake would take is added to the first bytes.
      firstDelayMs: latencyMs,
      onBytes: (chunk) => {
        traffic.bytesSent += chunk.length;
        countRequests(chunk);
      },
    });
    forward(store, client, {
      line: down,
      delayMs: latencyMs / 2,
      firstDelayMs: 0,
      onBytes: (chunk) => (traffic.bytesReceived += chunk.length),
    });
    for (const socket of [client, store]) socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    traffic,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Direction {
  readonly line: Line;
  readonly delayMs: number;
  readonly firstDelayMs: number;
  readonly onBytes: (chunk: Uint8Array) => void;
}

/** Things that happen in order, none before its time: timers alone do not keep an order. */
class DelayQueue {
  readonly #waiting: { readonly at: number; readonly act: () => void }[] = [];
  #isArmed = false;

  push(at: number, act: () => void): void {
    this.#waiting.push({ at, act });
    if (!this.#isArmed) this.#arm(at);
  }

  #run(): void {
    this.#isArmed = false;
    while (this.#waiting.length > 0 && this.#waiting[0]!.at <= performance.now() + 0.5) {
      this.#waiting.shift()!.act();
    }
    const next = this.#waiting[0];
    if (next !== undefined) this.#arm(next.at);
  }

  #arm(at: number): void {
    this.#isArmed = true;
    setTimeout(() => this.#run(), Math.max(0, at - performance.now()));
  }
}

/** Chunks arrive in order, each `delayMs` after it left the line; an end or a failure comes after them. */
function forward(from: Socket, to: Socket, direction: Direction): void {
  const { line, delayMs, firstDelayMs, onBytes } = direction;
  const queue = new DelayQueue();
  const openAt = performance.now() + firstDelayMs;
  let queued = 0;
  /** The receiver has more than it wants until it drains. */
  let isFull = false;
  let lastAt = openAt;
  const later = (at: number, act: () => void): void => {
    lastAt = Math.max(at, lastAt);
    queue.push(lastAt, act);
  };
  from.on('data', (chunk: Uint8Array) => {
    onBytes(chunk);
    queued += chunk.length;
    if (queued >= MAX_QUEUED) from.pause();
    later(line.leaveAt(chunk.length) + delayMs, () => {
      queued -= chunk.length;
      if (to.destroyed) return;
      if (!to.write(chunk) && !isFull) {
        isFull = true;
        from.pause();
        to.once('drain', () => {
          isFull = false;
          if (queued < MAX_QUEUED) from.resume();
        });
      } else if (!isFull && queued < MAX_QUEUED) from.resume();
    });
  });
  from.on('end', () => later(lastAt, () => to.end()));
  from.on('error', () => to.destroy());
  from.on('close', () => later(lastAt, () => to.destroySoon()));
}
