import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createRawServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { HttpGetter, type GetRequest } from './http-getter.ts';

const OPTIONS = {
  maxConnections: 2,
  connectTimeoutMilliseconds: 1000,
  idleTimeoutMilliseconds: 200,
  acceptsAnyCertificate: false,
};

/** A getter, and a server with that many connections so far. */
async function start(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<
  AsyncDisposable & {
    readonly get: (target: string, more?: Partial<GetRequest>) => Promise<string>;
    readonly getter: HttpGetter;
    readonly server: Server;
    readonly connections: () => number;
  }
> {
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    (request, response) => void answer(request, response),
  );
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const getter = new HttpGetter(OPTIONS);
  return {
    getter,
    server,
    connections: () => connections,
    async get(target, more = {}) {
      const { status, body } = await getter.get({ ...requestTo(server, target), ...more });
      return `${status} ${Buffer.from(body ?? []).toString()}`;
    },
    async [Symbol.asyncDispose]() {
      getter.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function requestTo(server: { address(): unknown }, target = '/'): GetRequest {
  const { port } = server.address() as AddressInfo;
  return {
    origin: { usesTLS: false, host: '127.0.0.1', port },
    target,
    headers: { host: `127.0.0.1:${port}` },
    roomFor: (_head, length) => new Uint8Array(length),
  };
}

it('keeps its connections, and has no more than it may', async () => {
  await using world = await start((request, response) => response.end(request.url));
  const targets = Array.from({ length: 20 }, (_, index) => `/${index}`);
  expect(await Promise.all(targets.map((target) => world.get(target)))).toEqual(
    targets.map((target) => `200 ${target}`),
  );
  expect(world.connections()).toBe(2);
  expect(await world.get('/again')).toBe('200 /again');
  expect(world.connections()).toBe(2);
});

it('does not send a request over a connection that the server closed or is about to', async () => {
  await using world = await start((_request, response) => response.end('yes'));
  await world.get('/');
  world.server.closeAllConnections();
  await sleep(20);
  expect(await world.get('/')).toBe('200 yes');
  world.server.keepAliveTimeout = 1000;
  await world.get('/');
  expect(await world.get('/')).toBe('200 yes');
  expect(world.connections()).toBe(3);
});

it('reads a large body whole, with a pause in it', async () => {
  const large = Buffer.alloc(3_000_000, 'abcdefg');
  await using world = await start(async (_request, response) => {
    response.writeHead(200, { 'content-length': large.length });
    response.write(large.subarray(0, 1_000_000));
    await sleep(50);
    response.end(large.subarray(1_000_000));
  });
  const target = new Uint8Array(new SharedArrayBuffer(3_000_000));
  await world.get('/', { roomFor: () => target });
  expect(Buffer.compare(Buffer.from(target), large)).toBe(0);
});

it('ends when the signal fires, and writes nothing afterwards', async () => {
  let more: (() => void) | undefined;
  await using world = await start((_request, response) => {
    response.writeHead(200, { 'content-length': 200_000 });
    response.write(Buffer.alloc(100_000, 1));
    more = () => void response.write(Buffer.alloc(100_000, 1));
  });
  const controller = new AbortController();
  const target = new Uint8Array(200_000);
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 50);
  const got = world.get('/', { roomFor: () => target, signal: controller.signal });
  await expect(got).rejects.toBe(reason);
  target.fill(0);
  more?.();
  await sleep(50);
  expect(target.every((byte) => byte === 0)).toBe(true);
});

it('gives up a server that says nothing', async () => {
  await using world = await start(() => undefined);
  await expect(world.get('/')).rejects.toMatchObject({ name: 'TimeoutError' });
});

it.each([
  ['before it answers', ''],
  ['in a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ['in a body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
])('fails with ECONNRESET if the connection is closed %s', async (_what, text) => {
  const server = createRawServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(text));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const getter = new HttpGetter(OPTIONS);
  await expect(getter.get(requestTo(server))).rejects.toMatchObject({ code: 'ECONNRESET' });
  getter.close();
  server.close();
});

it('fails what is under way when it is closed, and all that comes later', async () => {
  await using world = await start(() => undefined);
  setTimeout(() => world.getter.close(), 20);
  await expect(world.get('/')).rejects.toMatchObject({ code: 'ECONNRESET' });
  await expect(world.get('/')).rejects.toThrow('closed');
});

it('sends nothing with a line break that was not signed as one', async () => {
  await using world = await start((_request, response) => response.end());
  await expect(world.get('/', { headers: { a: 'b\r\nc: d' } })).rejects.toThrow(TypeError);
  await expect(world.get('/ HTTP/1.1\r\nx: y')).rejects.toThrow(TypeError);
  expect(world.connections()).toBe(0);
});
