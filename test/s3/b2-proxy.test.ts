import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { startB2Proxy } from '../b2-proxy.ts';
import type { B2Proxy } from '../b2-proxy.ts';

const body = 'some bytes of a blob';
const md5 = createHash('md5').update(body).digest('base64');

let store: Server;
let reached: string[];
let proxy: B2Proxy;

beforeEach(async () => {
  reached = [];
  store = createServer((message, answer) => {
    reached.push(`${message.method} ${message.url} for ${message.headers.host}`);
    message.resume();
    message.once('end', () => answer.end('stored'));
  });
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  proxy = await startB2Proxy({ target: `127.0.0.1:${(store.address() as AddressInfo).port}` });
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  store.closeAllConnections();
  await new Promise<void>((resolve) => store.close(() => resolve()));
});

function send(
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `http://${proxy.endpoint}${path}`,
      { method, headers, agent: false },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(method === 'GET' ? '' : body);
  });
}

const length = String(body.length);

it.each([
  ['x-amz-checksum-crc32', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 400, 'InvalidArgument'],
  [
    'x-amz-sdk-checksum-algorithm',
    { 'x-amz-sdk-checksum-algorithm': 'CRC32' },
    400,
    'InvalidArgument',
  ],
  ['trailers', { 'x-amz-trailer': 'x-amz-checksum-crc32' }, 400, 'InvalidArgument'],
  ['aws-chunked bodies', { 'content-encoding': 'aws-chunked' }, 501, 'NotImplemented'],
  [
    'streaming signatures',
    { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
    501,
    'NotImplemented',
  ],
])('refuses %s', async (_what, headers, status, code) => {
  const answer = await send('PUT', '/b/k', {
    'content-length': length,
    'content-md5': md5,
    ...headers,
  });
  expect(answer).toMatchObject({ status, text: expect.stringContaining(code) as string });
  expect(reached).toEqual([]);
  expect(proxy.refusals).toHaveLength(1);
});

it('refuses puts and batch deletes without Content-MD5, and bodies without a length', async () => {
  expect((await send('PUT', '/b/k', { 'content-length': length })).status).toBe(400);
  expect((await send('POST', '/b?delete', { 'content-length': length })).status).toBe(400);
  const chunked = { 'content-md5': md5, 'transfer-encoding': 'chunked' };
  expect((await send('PUT', '/b/k', chunked)).status).toBe(411);
  expect(reached).toEqual([]);
});

it('passes on what B2 understands, with the Host header of the client', async () => {
  const headers = { 'content-length': length, 'content-md5': md5 };
  expect(await send('PUT', '/b/k?x=1', headers)).toEqual({ status: 200, text: 'stored' });
  expect((await send('GET', '/b/k', {})).text).toBe('stored');
  expect(reached).toEqual([`PUT /b/k?x=1 for ${proxy.endpoint}`, `GET /b/k for ${proxy.endpoint}`]);
  expect(proxy.refusals).toEqual([]);
});

it('fails as often as its rules say', async () => {
  proxy.addRule({
    path: '/k2',
    times: 2,
    fault: { kind: 'answer', status: 503, code: 'SlowDown' },
  });
  proxy.addRule({ method: 'GET', path: '/k3', fault: { kind: 'cut-response', afterBytes: 3 } });
  expect((await send('GET', '/b/k1', {})).status).toBe(200);
  expect((await send('GET', '/b/k2', {})).status).toBe(503);
  expect((await send('GET', '/b/k2', {})).text).toContain('<Code>SlowDown</Code>');
  expect((await send('GET', '/b/k2', {})).status).toBe(200);
  await expect(send('GET', '/b/k3', {})).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  expect(proxy.pendingRules()).toEqual([]);
});
