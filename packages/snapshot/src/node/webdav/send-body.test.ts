import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ByteRange, ObjectReader } from '@longshore/repo';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BodySender } from './send-body.ts';

const MEBIBYTE = 1024 * 1024;
const PIECE = MEBIBYTE;
const PERIOD = 251;
const PATTERN = Uint8Array.from({ length: 8 * MEBIBYTE }, (_, index) => index % PERIOD);

/** An object of any length whose bytes are those of their positions; counts what is read and who is reading. */
class PatternObject implements ObjectReader {
  readonly length: number;
  readonly ranges: ByteRange[] = [];
  readonly readAheads: (number | undefined)[] = [];
  bytesRead = 0;
  static open = 0;
  static mostOpen = 0;

  constructor(length: number) {
    this.length = length;
  }

  static bytes(offset: number, length: number): Uint8Array {
    return PATTERN.slice(offset % PERIOD, (offset % PERIOD) + length);
  }

  async read({ offset, length }: ByteRange): Promise<Uint8Array> {
    return PatternObject.bytes(offset, length);
  }

  async *stream({
    range = { offset: 0, length: this.length },
    signal,
    readAhead,
  }: Parameters<ObjectReader['stream']>[0] = {}): AsyncGenerator<Uint8Array, void, void> {
    this.ranges.push(range);
    this.readAheads.push(readAhead);
    PatternObject.open += 1;
    PatternObject.mostOpen = Math.max(PatternObject.mostOpen, PatternObject.open);
    try {
      const end = range.offset + range.length;
      for (let offset = range.offset; offset < end; offset += PIECE) {
        await Promise.resolve();
        signal?.throwIfAborted();
        const length = Math.min(PIECE, end - offset);
        this.bytesRead += length;
        yield PatternObject.bytes(offset, length);
      }
    } finally {
      PatternObject.open -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

let respond: (response: ServerResponse, signal: AbortSignal) => Promise<void>;
const server = createServer((_, response) => {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('gone')));
  void respond(response, gone.signal);
});

beforeEach(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
afterEach(() => {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
});

function connect(): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    get({ port, agent: false }, resolve).on('error', reject);
  });
}

async function lengthOf(response: IncomingMessage): Promise<number> {
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) length += piece.length;
  return length;
}

function isPattern(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && bytes.every((byte, index) => byte === index % PERIOD);
}

describe('a body', () => {
  it('is exactly the range, whatever pieces it comes in', async () => {
    const object = new PatternObject(9 * MEBIBYTE);
    const range = { offset: 12_345, length: 7 * MEBIBYTE + 1 };
    respond = async (response, signal) => {
      await new BodySender().send(response, object, range, { signal, begin: () => {} });
      response.end();
    };
    const pieces: Buffer[] = [];
    for await (const piece of (await connect()) as AsyncIterable<Buffer>) pieces.push(piece);
    const expected = PatternObject.bytes(range.offset, range.length);
    expect(Buffer.concat(pieces).equals(expected)).toBe(true);
    expect(object.ranges).toEqual([range]);
  });

  it('begins when its first bytes are there, and not at all if they cannot be read', async () => {
    const begin = vi.fn<() => void>();
    const object = new PatternObject(1);
    vi.spyOn(object, 'stream').mockImplementation(async function* () {
      yield* [];
      throw new Error('damaged');
    });
    const result = new Promise((done) => {
      respond = async (response, signal) => {
        const range = { offset: 0, length: 1 };
        done(await new BodySender().send(response, object, range, { signal, begin }).catch(String));
        response.end();
      };
    });
    (await connect()).resume();
    expect(await result).toBe('Error: damaged');
    expect(begin).not.toHaveBeenCalled();
  });

  it('is not read on for a client that has left', async () => {
    const object = new PatternObject(10_000 * MEBIBYTE);
    const range = { offset: 0, length: object.length };
    const result = new Promise((done) => {
      respond = async (response, signal) => {
        const options = { signal, begin: () => {} };
        done(await new BodySender().send(response, object, range, options).catch(String));
      };
    });
    const client = await connect();
    client.once('data', () => client.destroy());
    expect(await result).toBe('Error: gone');
    expect(object.bytesRead).toBeLessThan(50 * MEBIBYTE);
    expect(PatternObject.open).toBe(0);
  });

  it('gives its place to others while its client takes nothing, and goes on where it was', async () => {
    const sender = new BodySender({ stallMs: 20 });
    const slow = Array.from({ length: 8 }, () => new PatternObject(16 * MEBIBYTE));
    let next = 0;
    respond = async (response, signal) => {
      const object = slow[next++] ?? new PatternObject(MEBIBYTE);
      const range = { offset: 0, length: object.length };
      await sender.send(response, object, range, { signal, begin: () => {} });
      response.end();
    };
    const clients = await Promise.all(slow.map(connect));
    expect(await lengthOf(await connect())).toBe(MEBIBYTE);
    for (const [index, client] of clients.entries()) {
      expect(await lengthOf(client)).toBe(slow[index]?.length);
    }
    expect(slow.filter(({ ranges }) => ranges.length > 1).length).toBeGreaterThanOrEqual(3);
    for (const { bytesRead, length, readAheads } of slow) {
      expect(bytesRead).toBe(length);
      for (const readAhead of readAheads.slice(1)) expect(readAhead).toBe(0);
    }
  });

  it.each([
    ['some', undefined],
    ['no', 0],
  ])('is whole with %s room to keep what slow clients have not taken', async (_, keptBytes) => {
    const sender = new BodySender({
      stallMs: 20,
      ...(keptBytes === undefined ? {} : { keptBytes }),
    });
    const slow = Array.from({ length: 8 }, () => new PatternObject(16 * MEBIBYTE));
    let next = 0;
    respond = async (response, signal) => {
      const object = slow[next++]!;
      const range = { offset: 0, length: object.length };
      await sender.send(response, object, range, { signal, begin: () => {} });
      response.end();
    };
    const clients = await Promise.all(slow.map(connect));
    await vi.waitFor(() => expect(slow.every(({ ranges }) => ranges.length > 0)).toBe(true));
    for (const client of clients) {
      const pieces: Buffer[] = [];
      for await (const piece of client as AsyncIterable<Buffer>) pieces.push(piece);
      expect(isPattern(Buffer.concat(pieces), 16 * MEBIBYTE)).toBe(true);
    }
  });

  it('is read once for a slow client whose place nobody needs', async () => {
    const sender = new BodySender({ stallMs: 5 });
    const object = new PatternObject(16 * MEBIBYTE);
    respond = async (response, signal) => {
      const range = { offset: 0, length: object.length };
      await sender.send(response, object, range, { signal, begin: () => {} });
      response.end();
    };
    const client = await connect();
    await new Promise((done) => setTimeout(done, 100));
    expect(object.bytesRead).toBeLessThan(object.length);
    expect(await lengthOf(client)).toBe(object.length);
    expect(object.ranges).toHaveLength(1);
  });

  it('takes turns with others when there are more than may be read at once', async () => {
    const sender = new BodySender({ turnBytes: MEBIBYTE });
    PatternObject.mostOpen = 0;
    const objects = Array.from({ length: 9 }, () => new PatternObject(12 * MEBIBYTE));
    let next = 0;
    const allThere = Promise.withResolvers<void>();
    respond = async (response, signal) => {
      const object = objects[next++]!;
      if (next === objects.length) allThere.resolve();
      await allThere.promise;
      const range = { offset: 0, length: object.length };
      await sender.send(response, object, range, { signal, begin: () => {} });
      response.end();
    };
    const lengths = await Promise.all(objects.map(async () => lengthOf(await connect())));
    expect(lengths).toEqual(objects.map(({ length }) => length));
    expect(PatternObject.mostOpen).toBe(6);
    expect(objects.some(({ ranges }) => ranges.length > 1)).toBe(true);
  });
});
