import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCode, type AbortOptions } from '@longshore/repo';
import {
  findMountedNode,
  type MountedDirectory,
  type MountedFile,
  type MountedNode,
} from '../../mount/mounted-node.ts';
import type { AccessCheck } from './access.ts';
import { htmlIndex, INDEX_SECURITY_POLICY } from './html-index.ts';
import { HttpFailure } from './http-failure.ts';
import { mediaTypeOf } from './media-type.ts';
import { multistatus, type LocatedNode } from './multistatus.ts';
import { checkPreconditions, mayUseRange } from './preconditions.ts';
import { parsePropfind } from './propfind-request.ts';
import { parseRangeHeader } from './range-header.ts';
import { parseRequestPath } from './resource-path.ts';
import { BodySender, sendText } from './send-body.ts';
import { httpDate, validatorsOf } from './validators.ts';

const METHODS = 'OPTIONS, GET, HEAD, PROPFIND';

/** Bytes. A PROPFIND that names a hundred properties has some 5 kB. */
const MAX_BODY_BYTES = 32 * 1024;

/** On every answer: nothing that a backup holds may be run or read by pages of other origins. */
const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'private, no-cache',
};

export interface WebdavHandlerOptions {
  readonly root: MountedDirectory;
  readonly access: AccessCheck;
  readonly sender?: BodySender;
  /** Told of failures that are not the client's. */
  readonly onError: (error: unknown, request: IncomingMessage) => void;
}

/** Answers read-only WebDAV (RFC 4918, class 1) from a mounted tree. Never rejects. */
export class WebdavHandler {
  readonly #root: MountedDirectory;
  readonly #access: AccessCheck;
  readonly #sender: BodySender;
  readonly #onError: WebdavHandlerOptions['onError'];

  constructor({ root, access, sender = new BodySender(), onError }: WebdavHandlerOptions) {
    this.#root = root;
    this.#access = access;
    this.#sender = sender;
    this.#onError = onError;
  }

  /** `signal` is aborted when the client is gone. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    try {
      this.#access(request.headers);
      await this.#answer(request, response, signal);
      response.end();
    } catch (error) {
      this.#fail(error, request, response, signal);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const { method = '', url = '' } = request;
    if (method === 'OPTIONS') {
      response.writeHead(200, {
        Allow: METHODS,
        DAV: '1',
        // Windows looks for this one.
        'MS-Author-Via': 'DAV',
        'Content-Length': 0,
      });
      return;
    }
    if (method !== 'GET' && method !== 'HEAD' && method !== 'PROPFIND') {
      throw new HttpFailure(405, `${method} is not possible: snapshots are read-only`, {
        // What the client may be about to send is not waited for.
        headers: { Allow: METHODS, Connection: 'close' },
      });
    }
    const path = parseRequestPath(url);
    const node = await findMountedNode(this.#root, path, { signal });
    if (node === undefined) throw new HttpFailure(404, 'there is nothing of this name');
    if (method === 'PROPFIND') await this.#propfind(request, response, { path, node }, signal);
    else if (node.kind === 'file') await this.#sendFile(request, response, node, signal);
    else await this.#sendIndex(response, path, node, signal);
  }

  async #propfind(
    request: IncomingMessage,
    response: ServerResponse,
    located: LocatedNode,
    signal: AbortSignal,
  ): Promise<void> {
    const depth = depthOf(request);
    const wanted = parsePropfind(await readBody(request));
    const { path, node } = located;
    const isListed = node.kind === 'directory' && depth !== '0';
    if (isListed && depth === 'infinity') throw infiniteDepth();
    const nodes = isListed ? await withChildren(path, node, { signal }) : [located];
    response.writeHead(207, { 'Content-Type': 'application/xml; charset=utf-8' });
    await sendText(response, multistatus(nodes, wanted), signal);
  }

  async #sendFile(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    file: MountedFile,
    signal: AbortSignal,
  ): Promise<void> {
    const validators = validatorsOf(file);
    const described = {
      ETag: validators.etag,
      'Last-Modified': httpDate(validators.modifiedSeconds),
      'Accept-Ranges': 'bytes',
    };
    const result = checkPreconditions(headers, validators);
    if (result === 'failed') throw new HttpFailure(412, 'the file is not the expected one');
    if (result === 'not modified') {
      response.writeHead(304, described);
      return;
    }
    await using reader = await file.open({ signal });
    const size = reader.length;
    const isGet = method === 'GET';
    const mayBePart = isGet && mayUseRange(headers['if-range']?.toString(), validators);
    const range = mayBePart ? parseRangeHeader(headers.range, size) : undefined;
    if (range === 'unsatisfiable') {
      throw new HttpFailure(416, 'the file ends before this range', {
        headers: { 'Content-Range': `bytes */${size}` },
      });
    }
    const { offset, length } = range ?? { offset: 0, length: size };
    const begin = (): void => {
      if (response.headersSent) return;
      response.writeHead(range === undefined ? 200 : 206, {
        ...described,
        'Content-Type': mediaTypeOf(file.name),
        'Content-Length': length,
        // A page out of a backup runs no scripts and has no origin.
        'Content-Security-Policy': 'sandbox',
        ...(range === undefined
          ? {}
          : { 'Content-Range': `bytes ${offset}-${offset + length - 1}/${size}` }),
      });
    };
    if (!isGet) begin();
    else await this.#sender.send(response, reader, { offset, length }, { signal, begin });
  }

  async #sendIndex(
    response: ServerResponse,
    path: readonly string[],
    directory: MountedDirectory,
    signal: AbortSignal,
  ): Promise<void> {
    const listing = await directory.list({ signal });
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': INDEX_SECURITY_POLICY,
    });
    if (response.req.method !== 'HEAD') await sendText(response, htmlIndex(path, listing), signal);
  }

  /** Once the answer has begun, all that can be done is to break it off, so that the client sees it is not whole. */
  #fail(
    error: unknown,
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): void {
    if (signal.aborted) {
      response.destroy();
      return;
    }
    const failure = error instanceof HttpFailure ? error : serverFailure(error);
    if (failure !== error) this.#onError(error, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, headers, xml } = failure;
    const body = xml ?? `${failure.message}\n`;
    const kind = xml === undefined ? 'text/plain' : 'application/xml';
    response.writeHead(status, {
      ...headers,
      'Content-Type': `${kind}; charset=utf-8`,
      'Content-Length': Buffer.byteLength(body),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** What went wrong stays on this side: the log has it. */
function serverFailure(error: unknown): HttpFailure {
  const code = errorCode(error);
  const isTemporary = code === 'STORAGE_FAILED' || code === 'STORAGE_THROTTLED';
  return isTemporary
    ? new HttpFailure(503, 'the storage of the repository does not answer')
    : new HttpFailure(500, 'this cannot be read from the repository; the log says why');
}

/** RFC 4918 (9.1): without the header it is infinity. */
function depthOf({ headers }: IncomingMessage): '0' | '1' | 'infinity' {
  const { depth = 'infinity' } = headers;
  const text = String(depth).trim().toLowerCase();
  if (text === '0' || text === '1' || text === 'infinity') return text;
  throw new HttpFailure(400, 'Depth must be 0, 1 or infinity');
}

function infiniteDepth(): HttpFailure {
  return new HttpFailure(403, 'directories are listed one by one', {
    xml: '<?xml version="1.0" encoding="utf-8"?>\n<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>\n',
  });
}

async function withChildren(
  path: readonly string[],
  directory: MountedDirectory,
  options: AbortOptions,
): Promise<Iterable<LocatedNode>> {
  const listing = await directory.list(options);
  function* nodes(): Generator<LocatedNode, void, void> {
    yield { path, node: directory };
    for (const node of listing.nodes()) yield located(path, node);
  }
  return nodes();
}

function located(path: readonly string[], node: MountedNode): LocatedNode {
  return { path: [...path, node.name], node };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) {
      throw new HttpFailure(413, `a PROPFIND has at most ${MAX_BODY_BYTES} bytes`, {
        headers: { Connection: 'close' },
      });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
