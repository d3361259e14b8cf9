import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import {
  createSystemClock,
  LongshoreError,
  type ObjectReader,
  type OpenWritableRepository,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { assert, asyncProperty, nat } from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { mountEntry } from '../../mount/mount.ts';
import type { MountedDirectory } from '../../mount/mounted-node.ts';
import { commitTree, createTestRepository, dir, file, link } from '../../tree-fixture.ts';
import {
  serveWebdav,
  type ServeWebdavOptions,
  type WebdavAnswer,
  type WebdavServer,
} from './serve-webdav.ts';

const ODD_NAMES = ['<a&b>"\'', 'per%20cent', 'line\nbreak', 'ünï-日本語-😀', '?q#f', 'a\x01b'];
const LARGE = randomBytes(1_000_000);
const MTIME = 784_111_777_900_000_000n;

let repository: OpenWritableRepository;
let root: MountedDirectory;
let server: WebdavServer;
const onError = vi.fn<(error: unknown, target: string) => void>();
let answers: WebdavAnswer[] = [];

beforeAll(async () => {
  ({ repository } = await createTestRepository(nativeAlgorithms(), { splitter: 'FIXED-128K' }));
  const odd = ODD_NAMES.map((name, index) => [name, file(`odd ${index}`)] as const);
  const tree = dir([
    ['d', dir([...odd, ['sub', dir({})], ['link', link('large')]])],
    ['large.txt', file(LARGE, { mtime: MTIME })],
    ['empty', file('')],
    ['page.html', file('<script>1</script>')],
  ]);
  root = mountEntry(repository, await commitTree(repository, tree), { clock: createSystemClock() });
  server = await serve();
});

afterAll(() => server[Symbol.asyncDispose]());

afterEach(() => {
  onError.mockReset();
  vi.restoreAllMocks();
  answers = [];
});

function serve(options: Partial<ServeWebdavOptions> = {}): Promise<WebdavServer> {
  return serveWebdav({
    root,
    host: '127.0.0.1',
    port: 0,
    onError,
    onAnswer: (answer) => answers.push(answer),
    ...options,
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** A request as it is written: fetch would change paths and headers. */
function ask(
  method: string,
  path: string,
  {
    headers = {},
    body = '',
    to = server,
  }: { headers?: object; body?: string; to?: WebdavServer } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(to.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: hostname, port, method, path, headers: { ...headers }, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const whole = Buffer.concat(pieces);
          const { statusCode: status = 0, headers: got } = response;
          resolve({ status, headers: got, body: whole, text: whole.toString() });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** The next file that is opened has as many bytes as the large one, and gives these. */
async function replaceNextFile(stream: ObjectReader['stream']): Promise<void> {
  // Directories are objects too: that of the root must be there already.
  await root.list();
  vi.spyOn(repository, 'openObject').mockResolvedValueOnce({
    length: LARGE.length,
    read: () => Promise.reject(new Error('not read but streamed')),
    stream,
    async [Symbol.asyncDispose]() {},
  });
}

/** Resolves when the large file begins to arrive. */
async function begin(
  to: WebdavServer,
): Promise<{ readonly response: IncomingMessage; readonly body: Promise<Buffer> }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(new URL('large.txt', to.url), { agent: false }, resolve).on('error', reject).end();
  });
  return { response, body: Array.fromAsync<Buffer>(response).then((all) => Buffer.concat(all)) };
}

describe('a file', () => {
  it('is sent whole, with what tells it from others', async () => {
    const { status, headers, body } = await ask('GET', '/large.txt');
    expect(status).toBe(200);
    expect(body.equals(LARGE)).toBe(true);
    expect(headers).toMatchObject({
      'content-length': '1000000',
      'content-type': 'text/plain',
      'accept-ranges': 'bytes',
      'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT',
      etag: expect.stringMatching(/^"I?x?[0-9a-f]+"$/) as string,
    });
  });

  it('of no bytes is sent as that', async () => {
    expect(await ask('GET', '/empty')).toMatchObject({ status: 200, text: '' });
    expect(await ask('GET', '/empty', { headers: { Range: 'bytes=0-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */0' },
    });
  });

  it('has the same headers for HEAD, which knows no ranges', async () => {
    const { headers: ofGet } = await ask('GET', '/large.txt');
    const { status, headers, text } = await ask('HEAD', '/large.txt', {
      headers: { Range: 'bytes=0-1' },
    });
    expect(status).toBe(200);
    expect(text).toBe('');
    expect(headers).toEqual({ ...ofGet, date: headers.date });
  });

  it('gives the right bytes for any range', async () => {
    await assert(
      asyncProperty(nat(LARGE.length - 1), nat(LARGE.length), async (first, length) => {
        const last = Math.min(first + length, LARGE.length - 1);
        const { status, headers, body } = await ask('GET', '/large.txt', {
          headers: { Range: `bytes=${first}-${last}` },
        });
        expect(status).toBe(206);
        expect(headers['content-range']).toBe(`bytes ${first}-${last}/${LARGE.length}`);
        expect(body.equals(LARGE.subarray(first, last + 1))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('is sent whole when several ranges are wanted, or the client has a part of another', async () => {
    for (const headers of [
      { Range: 'bytes=0-1,5-6' },
      { Range: 'bytes=0-1', 'If-Range': '"other"' },
    ]) {
      const { status, body } = await ask('GET', '/large.txt', { headers });
      expect([status, body.length]).toEqual([200, LARGE.length]);
    }
  });

  it('is not sent again to whom has it', async () => {
    const { headers } = await ask('HEAD', '/large.txt');
    const same = { 'If-None-Match': headers.etag };
    expect(await ask('GET', '/large.txt', { headers: same })).toMatchObject({
      status: 304,
      text: '',
      headers: { etag: headers.etag },
    });
    expect((await ask('GET', '/large.txt', { headers: { 'If-Match': '"x"' } })).status).toBe(412);
  });

  it('with a page in it runs nothing, and cannot be taken for something else', async () => {
    const { headers } = await ask('GET', '/page.html');
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it.each(ODD_NAMES)('may be called %j', async (name) => {
    const { text } = await ask('GET', `/d/${encodeURIComponent(name)}`);
    expect(text).toBe(`odd ${ODD_NAMES.indexOf(name)}`);
  });

  it.each([
    ['/nothing', 404],
    ['/large.txt/x', 404],
    ['/d/link', 404],
    ['/d/..%2flarge.txt', 404],
    ['/d/%2e%2e/large.txt', 404],
    ['/%ff', 400],
  ])('is not found at %s', async (path, status) => {
    for (const method of ['GET', 'HEAD', 'PROPFIND']) {
      expect((await ask(method, path, { headers: { Depth: 0 } })).status).toBe(status);
    }
    expect(onError).not.toHaveBeenCalled();
  });

  it('that the repository cannot give is an error without details, which the log gets', async () => {
    const failing = vi.spyOn(repository, 'openObject');
    failing.mockRejectedValueOnce(new LongshoreError('CORRUPT_DATA', 'secret detail'));
    const { status, text } = await ask('GET', '/empty');
    expect(status).toBe(500);
    expect(text).not.toContain('secret');
    expect(onError).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ message: 'secret detail' }),
      '/empty',
    );
    failing.mockRejectedValueOnce(new LongshoreError('STORAGE_FAILED', 'away'));
    expect((await ask('GET', '/empty')).status).toBe(503);
  });

  it('damaged in the middle is broken off, so that the client sees it', async () => {
    await replaceNextFile(async function* () {
      yield LARGE.subarray(0, 400_000);
      throw new LongshoreError('CORRUPT_DATA', 'damaged');
    });
    await expect(ask('GET', '/large.txt')).rejects.toThrow(/aborted|ECONNRESET|hang up/);
    expect(onError).toHaveBeenCalledTimes(1);
  });
});

describe('a directory', () => {
  const propfind = (path: string, depth: string | undefined, body = ''): Promise<Answer> =>
    ask('PROPFIND', path, { headers: depth === undefined ? {} : { Depth: depth }, body });

  function hrefs(text: string): readonly string[] {
    return Array.from(text.matchAll(/<D:href>([^<]*)<\/D:href>/g), ([, href]) => href!);
  }

  it('is listed with what is in it, or by itself', async () => {
    const one = await propfind('/', '1');
    expect(one.status).toBe(207);
    expect(one.headers['content-type']).toBe('application/xml; charset=utf-8');
    expect(hrefs(one.text)).toEqual(['/', '/d/', '/large.txt', '/empty', '/page.html']);
    expect(hrefs((await propfind('/d', '0')).text)).toEqual(['/d/']);
    expect(hrefs((await propfind('/large.txt', '1')).text)).toEqual(['/large.txt']);
  });

  it('names what is in it so that it is found again', async () => {
    const { text } = await propfind('/d/', '1');
    const [, ...inside] = hrefs(text);
    expect(
      inside.map((href) => decodeURIComponent(href.slice(3).replaceAll('&#39;', "'"))),
    ).toEqual([...ODD_NAMES, 'sub/']);
    expect(text).toContain('<D:displayname>&lt;a&amp;b&gt;&quot;&#39;</D:displayname>');
    expect(text).toContain('<D:displayname>line&#10;break</D:displayname>');
    expect(text).toContain('<D:displayname>a\ufffdb</D:displayname>');
  });

  it.each([undefined, 'infinity', 'Infinity'])('is not walked with Depth %s', async (depth) => {
    const { status, text } = await propfind('/', depth);
    expect(status).toBe(403);
    expect(text).toContain('<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>');
    expect((await propfind('/empty', depth)).status).toBe(207);
  });

  it('says what is wrong with a request', async () => {
    expect((await propfind('/', '2')).status).toBe(400);
    expect((await propfind('/', '1', '<x')).status).toBe(400);
    expect((await propfind('/', '1', 'x'.repeat(40_000))).status).toBe(413);
  });

  it('tells the properties that are asked for, and which of them it lacks', async () => {
    const body =
      '<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><x xmlns="u&amp;v"/></prop></propfind>';
    const file207 = await propfind('/large.txt', '0', body);
    expect(file207.text).toContain(
      '<D:propstat><D:prop><D:resourcetype/><D:getcontentlength>1000000</D:getcontentlength></D:prop>' +
        '<D:status>HTTP/1.1 200 OK</D:status></D:propstat>' +
        '<D:propstat><D:prop><x:x xmlns:x="u&amp;v"/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>',
    );
    const directory207 = await propfind('/d', '0', body);
    expect(directory207.text).toContain('<D:resourcetype><D:collection/></D:resourcetype>');
    expect(directory207.text).toContain('<D:getcontentlength/><x:x');
  });

  it('tells the names of its properties alone', async () => {
    const { text } = await propfind('/empty', '0', '<propfind xmlns="DAV:"><propname/></propfind>');
    expect(text).toContain('<D:getcontentlength/>');
    expect(text).toContain('<D:getetag/>');
  });

  it('is a page with links for browsers', async () => {
    const { status, headers, text } = await ask('GET', '/d/');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
    expect(text).toContain('<a href="/">..</a>');
    expect(text).toContain(
      '<a href="/d/%3Ca%26b%3E%22&#39;"><bdi>&lt;a&amp;b&gt;&quot;&#39;</bdi></a>',
    );
    expect(text).toContain('Not shown: 1 ');
    expect(await ask('HEAD', '/d')).toMatchObject({ status: 200, text: '' });
    expect((await ask('GET', '/')).text).not.toContain('..</a>');
  });
});

describe('the server', () => {
  it('says what it can do', async () => {
    for (const path of ['/', '*', '/nothing']) {
      expect(await ask('OPTIONS', path)).toMatchObject({
        status: 200,
        headers: { dav: '1', allow: 'OPTIONS, GET, HEAD, PROPFIND' },
      });
    }
  });

  it.each([
    'PUT',
    'DELETE',
    'MKCOL',
    'COPY',
    'MOVE',
    'PROPPATCH',
    'LOCK',
    'UNLOCK',
    'POST',
    'PATCH',
  ])('refuses %s', async (method) => {
    const { status, headers } = await ask(method, '/large.txt', {
      headers: { 'Content-Length': 1 },
      body: 'x',
    });
    expect(status).toBe(405);
    expect(headers.allow).toBe('OPTIONS, GET, HEAD, PROPFIND');
  });

  it('does not wait for a body that it refuses', async () => {
    const headers = { Expect: '100-continue', 'Content-Length': 1e12 };
    const { port } = new URL(server.url);
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port, method: 'PUT', path: '/x', headers }, (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.on('continue', () => reject(new Error('asked for the body')));
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(status).toBe(405);
  });

  it.each([
    ['127.0.0.1:1', 200],
    ['localhost', 200],
    ['LOCALHOST:8080', 200],
    ['[::1]:80', 200],
    ['192.168.0.1', 200],
    ['evil.example', 421],
    ['evil.example:80', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example', 421],
    ['[evil]', 421],
  ])('without a password and called %j answers %i', async (host, status) => {
    expect((await ask('OPTIONS', '/', { headers: { Host: host } })).status).toBe(status);
  });

  it('without a password is called by the names that it is given and those of its machine', async () => {
    const own = hostname();
    const statusOf = async (to: WebdavServer, name: string): Promise<number> =>
      (await ask('OPTIONS', '/', { headers: { Host: name }, to })).status;
    await using open = await serve({
      host: '0.0.0.0',
      allowEveryone: true,
      hostNames: ['NAS.example'],
    });
    for (const name of [own, `${own.split('.')[0]}.local`, 'nas.example:80', 'nas.example.']) {
      expect(await statusOf(open, name)).toBe(200);
    }
    expect(await statusOf(open, 'evil.example')).toBe(421);
    expect((await ask('GET', '/', { headers: { Host: 'evil.example' }, to: open })).text).toContain(
      '--host-name',
    );
    await using local = await serve({ hostNames: ['proxy.example'] });
    expect(await statusOf(local, 'proxy.example')).toBe(200);
  });

  it('with a password lets in who knows it, under any name', async () => {
    await using guarded = await serve({ credentials: { userName: 'me', password: 'pä:ss' } });
    const basic = (text: string): object => ({
      Host: 'nas.example',
      Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
    });
    const statusWith = async (headers: object): Promise<number> =>
      (await ask('GET', '/empty', { headers, to: guarded })).status;
    expect(await statusWith(basic('me:pä:ss'))).toBe(200);
    for (const wrong of ['me:pä:s', 'me:pä:sss', 'Me:pä:ss', ':', '']) {
      expect(await statusWith(basic(wrong))).toBe(401);
    }
    expect(await statusWith({ Authorization: 'Bearer x' })).toBe(401);
    const { status, headers } = await ask('PROPFIND', '/', { to: guarded });
    expect([status, headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="longshore", charset="UTF-8"',
    ]);
  });

  it('serves others than this machine with a password only, or when that is allowed', async () => {
    for (const host of ['0.0.0.0', '::']) {
      await expect(serve({ host })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await using guarded = await serve({
      host: '0.0.0.0',
      credentials: { userName: 'me', password: 'x' },
    });
    await using open = await serve({ host: '0.0.0.0', allowEveryone: true });
    await using local = await serve({ host: 'localhost' });
    expect(new URL(guarded.url).hostname).toBe('0.0.0.0');
    expect((await ask('GET', '/empty', { to: open })).status).toBe(200);
    expect(new URL(local.url).hostname).toBe('localhost');
  });

  it('says where it cannot listen', async () => {
    const port = Number(new URL(server.url).port);
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    });
    await expect(serve({ host: 'no.such.host.invalid' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(serve({ tls: { cert: 'x', key: 'y' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('tells about each answer', async () => {
    await ask('GET', '/large.txt', { headers: { Range: 'bytes=1-2' } });
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    expect(answers[0]).toEqual({
      method: 'GET',
      target: '/large.txt',
      range: 'bytes=1-2',
      status: 206,
      complete: true,
    });
  });

  /** The large file in two halves, the second of which waits for `rest`. */
  function sendInHalves(rest: Promise<unknown>): Promise<void> {
    return replaceNextFile(async function* () {
      yield LARGE.subarray(0, 500_000);
      await rest;
      yield LARGE.subarray(500_000);
    });
  }

  it('lets answers end when it is closed, and takes no more', async () => {
    const closing = await serve();
    const rest = Promise.withResolvers<void>();
    await sendInHalves(rest.promise);
    const { response, body } = await begin(closing);
    const closed = closing.close();
    await expect(ask('GET', '/empty', { to: closing })).rejects.toThrow('ECONNREFUSED');
    rest.resolve();
    expect((await body).equals(LARGE)).toBe(true);
    expect(response.complete).toBe(true);
    await closed;
    await closing[Symbol.asyncDispose]();
  });

  it('breaks answers off when it is disposed of', async () => {
    const ending = await serve();
    await sendInHalves(new Promise(() => {}));
    const { body } = await begin(ending);
    await Promise.all([expect(body).rejects.toThrow('aborted'), ending[Symbol.asyncDispose]()]);
    await vi.waitFor(() => expect(answers).toMatchObject([{ complete: false }]));
    expect(onError).not.toHaveBeenCalled();
  });
});
