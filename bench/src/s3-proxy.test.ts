import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRequestCounter } from './request-counter.ts';
import { startS3Proxy } from './s3-proxy.ts';

function countIn(text: string, pieceLength: number): number {
  let count = 0;
  const counter = createRequestCounter(() => (count += 1));
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceLength) {
    counter(bytes.subarray(at, at + pieceLength));
  }
  return count;
}

describe('counting requests', () => {
  const connection =
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\n' +
    'PUT /b HTTP/1.1\r\nContent-Length: 42\r\n\r\nGET /not-a-request HTTP/1.1\r\n\r\n0123456789\n' +
    'PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n' +
    'HEAD /d HTTP/1.1\r\n\r\n';

  it.each([1, 2, 3, 7, 64, 1000])('skips bodies, in pieces of %d bytes', (length) => {
    expect(countIn(connection, length)).toBe(4);
  });

  it('tells method and target of each', () => {
    const lines: string[] = [];
    const counter = createRequestCounter(({ method, target }) => lines.push(`${method} ${target}`));
    counter(Buffer.from(connection, 'latin1'));
    expect(lines).toEqual(['GET /a', 'PUT /b', 'PUT /c', 'HEAD /d']);
  });

  it('counts a request only when its head is complete', () => {
    expect(countIn('GET / HTTP/1.1\r\nHost: x\r\n', 5)).toBe(0);
  });
});

function get(endpoint: string): Promise<{ readonly bytes: Buffer; readonly milliseconds: number }> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    request(`http://${endpoint}/`, { agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ bytes, milliseconds: performance.now() - startedAt });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('the line to a store', () => {
  const body = Buffer.alloc(200_000, 'x');
  const server = createServer((message, answer) => {
    message.resume();
    message.once('end', () => answer.end(body));
  });
  let target: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });

  it('passes bytes on unchanged and counts them', async () => {
    await using proxy = await startS3Proxy({ target });
    const answers = await Promise.all([get(proxy.endpoint), get(proxy.endpoint)]);
    for (const { bytes } of answers) expect(bytes.equals(body)).toBe(true);
    expect(proxy.traffic.requests).toBe(2);
    expect(proxy.traffic.bytesReceived).toBeGreaterThan(400_000);
  });

  it('delays a first request by two round trips, its handshake and itself', async () => {
    await using proxy = await startS3Proxy({ target, latencyMs: 100 });
    const { milliseconds } = await get(proxy.endpoint);
    expect(milliseconds).toBeGreaterThan(145);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('shares its bandwidth among connections', async () => {
    await using proxy = await startS3Proxy({ target, bytesPerSecond: 1_000_000 });
    const startedAt = performance.now();
    await Promise.all([get(proxy.endpoint), get(proxy.endpoint)]);
    expect(performance.now() - startedAt).toBeGreaterThan(380);
  });
});
