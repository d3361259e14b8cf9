/** The head of an answer. Names of headers are in lower case; of repeated ones the values are joined by commas. */
export interface HttpHead {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A whole answer to a GET. */
export interface HttpAnswer extends HttpHead {
  /** Undefined: nobody wanted it, and it was not read. */
  readonly body: Uint8Array | undefined;
}

/**
 * Memory for a body of so many bytes, at least as long; what does not fit is not read. Not asked where the length is
 * not known before.
 */
export type RoomForBody = (head: HttpHead, length: number) => Uint8Array | undefined;

/** As Node's own parser, which has 16 KiB. */
const MAX_HEAD = 16 * 1024;
/** Answers such as `100 Continue` that are passed over. */
const MAX_INTERIM = 8;
/** Bytes of a body whose length is not known before: an error, or a page of a listing. */
const MAX_COLLECTED = 32 * 1024 * 1024;
const MAX_CHUNK_LINE = 1024;
const SCRATCH_LENGTH = 64 * 1024;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([^\0\r\n]*))?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*)$/;

type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunks' }
  | { readonly kind: 'rest' };

/** How far the bytes of a body in chunks have been understood. */
type ChunkState = 'size' | 'data' | 'data-end' | 'trailer';

/**
 * Reads one HTTP/1.1 answer to a GET. Bytes are put where {@link buffer} says and told of with {@link accept}, so that a
 * body of known length goes straight to its place. Strict: anything odd throws, and the connection is of no more use.
 */
export class HttpAnswerReader {
  readonly #roomFor: RoomForBody;
  readonly #scratch: Uint8Array;
  #filled = 0;
  #interim = 0;
  #head: HttpHead | undefined;
  #keepsAlive = false;
  /** A body of known length. */
  #target: Uint8Array | undefined;
  #done = 0;
  #collected: Uint8Array[] | undefined;
  #collectedLength = 0;
  #chunkState: ChunkState | undefined;
  #chunkLine = '';
  #chunkLeft = 0;
  #trailerLength = 0;
  #answer: HttpAnswer | undefined;

  /** `scratch` may be used again for another answer. */
  constructor(roomFor: RoomForBody, scratch: Uint8Array = new Uint8Array(SCRATCH_LENGTH)) {
    this.#roomFor = roomFor;
    this.#scratch = scratch;
  }

  /** Where the next bytes go; never empty while there is no answer. */
  get buffer(): Uint8Array {
    if (this.#target !== undefined) return this.#target.subarray(this.#done);
    return this.#scratch.subarray(this.#filled);
  }

  /** Undefined until all of it has come. */
  get answer(): HttpAnswer | undefined {
    return this.#answer;
  }

  /** Any byte of it has come. */
  get hasBegun(): boolean {
    return this.#filled > 0 || this.#head !== undefined || this.#interim > 0;
  }

  /** After the answer: the connection may be used for the next one. */
  get keepsAlive(): boolean {
    return this.#keepsAlive;
  }

  /** So many bytes have come into {@link buffer}. */
  accept(count: number): void {
    if (this.#target !== undefined) {
      this.#done += count;
      this.#finishTarget(0);
    } else if (this.#head === undefined) {
      this.#filled += count;
      this.#readHead();
    } else {
      this.#take(this.#scratch.subarray(0, count));
    }
  }

  /** The other side has closed the connection. */
  end(): void {
    if (this.#answer !== undefined) return;
    if (this.#head === undefined || this.#collected === undefined || this.#chunkState) {
      throw closedEarly();
    }
    this.#finish(join(this.#collected, this.#collectedLength));
  }

  #readHead(): void {
    const text = latin1(this.#scratch.subarray(0, this.#filled));
    const end = text.indexOf('\r\n\r\n');
    if (end < 0 ? this.#filled >= MAX_HEAD : end > MAX_HEAD) throw malformed('a head of 16 KiB');
    if (end < 0) return;
    const rest = this.#scratch.slice(end + 4, this.#filled);
    const { head, minor } = parseHead(text.slice(0, end));
    this.#filled = 0;
    if (head.status < 200) {
      this.#interim += 1;
      if (head.status === 101 || this.#interim > MAX_INTERIM) throw malformed('interim answers');
      this.#scratch.set(rest);
      this.#filled = rest.length;
      if (rest.length > 0) this.#readHead();
      return;
    }
    this.#head = head;
    const connection = head.headers['connection'] ?? '';
    this.#keepsAlive = minor === '1' && !/\bclose\b/i.test(connection);
    this.#begin(head, bodyOf(head), rest);
  }

  #begin(head: HttpHead, body: Body, rest: Uint8Array): void {
    if (body.kind === 'none') {
      if (rest.length > 0) this.#keepsAlive = false;
      this.#finish(new Uint8Array(0));
    } else if (body.kind === 'length') {
      const room = this.#roomFor(head, body.length);
      if (room === undefined || room.length < body.length) {
        this.#keepsAlive = false;
        this.#finish(undefined);
        return;
      }
      this.#target = room.subarray(0, body.length);
      const known = rest.subarray(0, body.length);
      this.#target.set(known);
      this.#done = known.length;
      this.#finishTarget(rest.length - known.length);
    } else {
      this.#collected = [];
      if (body.kind === 'chunks') this.#chunkState = 'size';
      else this.#keepsAlive = false;
      if (rest.length > 0) this.#take(rest);
    }
  }

  #finishTarget(excess: number): void {
    const target = this.#target!;
    if (this.#done < target.length) return;
    if (excess > 0) this.#keepsAlive = false;
    this.#finish(target);
  }

  #finish(body: Uint8Array | undefined): void {
    this.#answer = { ...this.#head!, body };
    this.#target = undefined;
    this.#collected = undefined;
    this.#chunkState = undefined;
  }

  /** Bytes of a body whose length was not known before. */
  #take(bytes: Uint8Array): void {
    if (this.#chunkState === undefined) {
      this.#collect(bytes);
      return;
    }
    for (let at = 0; at < bytes.length;) {
      if (this.#answer !== undefined) {
        this.#keepsAlive = false;
        return;
      }
      if (this.#chunkState === 'data') {
        const piece = bytes.subarray(at, at + this.#chunkLeft);
        this.#collect(piece);
        at += piece.length;
        this.#chunkLeft -= piece.length;
        if (this.#chunkLeft === 0) this.#chunkState = 'data-end';
      } else {
        this.#takeLineByte(bytes[at]!);
        at += 1;
      }
    }
  }

  #takeLineByte(byte: number): void {
    this.#chunkLine += String.fromCharCode(byte);
    if (this.#chunkLine.length > MAX_CHUNK_LINE) throw malformed('a line of 1 KiB among chunks');
    if (byte !== 0x0a) return;
    const line = this.#chunkLine;
    this.#chunkLine = '';
    if (!line.endsWith('\r\n')) throw malformed('a line without its end among chunks');
    this.#endLine(line.slice(0, -2));
  }

  #endLine(line: string): void {
    if (this.#chunkState === 'data-end') {
      if (line !== '') throw malformed('a chunk that is longer than it says');
      this.#chunkState = 'size';
    } else if (this.#chunkState === 'size') {
      const size = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw malformed('a chunk without a size');
      this.#chunkLeft = Number.parseInt(size, 16);
      this.#chunkState = this.#chunkLeft === 0 ? 'trailer' : 'data';
    } else if (line === '') {
      this.#finish(join(this.#collected ?? [], this.#collectedLength));
    } else {
      this.#trailerLength += line.length;
      if (this.#trailerLength > MAX_HEAD) throw malformed('trailers of 16 KiB');
    }
  }

  #collect(bytes: Uint8Array): void {
    this.#collectedLength += bytes.length;
    if (this.#collectedLength > MAX_COLLECTED) throw malformed('a body of 32 MiB');
    this.#collected?.push(bytes.slice());
  }
}

function parseHead(text: string): { readonly head: HttpHead; readonly minor: string } {
  const [first = '', ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first);
  if (status === null) throw malformed('no HTTP/1.1 status');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = HEADER_LINE.exec(line);
    if (header === null) throw malformed('a malformed header');
    const name = header[1]!.toLowerCase();
    const value = header[2]!.trimEnd();
    const known = headers.get(name);
    if (known === undefined) headers.set(name, value);
    else if (name !== 'content-length') headers.set(name, `${known}, ${value}`);
    else if (known !== value) throw malformed('two lengths');
  }
  const head = {
    status: Number(status[2]),
    reason: status[3] ?? '',
    headers: Object.fromEntries(headers),
  };
  return { head, minor: status[1]! };
}

function bodyOf({ status, headers }: HttpHead): Body {
  if (status === 204 || status === 304) return { kind: 'none' };
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== 'chunked') {
      throw malformed('an unknown transfer coding');
    }
    return { kind: 'chunks' };
  }
  if (length === undefined) return { kind: 'rest' };
  if (!/^\d{1,15}$/.test(length)) throw malformed('a length that is none');
  return { kind: 'length', length: Number(length) };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** With a code like those of Node's parser, which are not worth another attempt either. */
function malformed(what: string): Error {
  return Object.assign(new Error(`the answer has ${what}`), { code: 'HPE_INVALID_ANSWER' });
}

/** With the code that `node:http` has for it. */
export function closedEarly(): Error {
  return Object.assign(new Error('the connection was closed before the answer was complete'), {
    code: 'ECONNRESET',
  });
}
