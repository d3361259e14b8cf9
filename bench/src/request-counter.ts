const MAX_HEAD = 64 * 1024;
const HEAD_END = '\r\n\r\n';

/** The first line of a request. */
export interface RequestLine {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
}

/**
 * Counts the requests of one HTTP/1.1 connection from its bytes: heads are read, bodies skipped by their length or
 * their chunks. Calls `onRequest` when a head is complete.
 */
export function createRequestCounter(
  onRequest: (line: RequestLine) => void,
): (chunk: Uint8Array) => void {
  let head = '';
  let bodyLeft = 0;
  /** Inside a body of chunks: what of a chunk's own head has come; undefined outside of one. */
  let chunkHead: string | undefined;

  function readHead(chunk: Uint8Array, start: number): number {
    const before = head.length;
    head += Buffer.from(chunk.buffer, chunk.byteOffset + start, chunk.length - start)
      .subarray(0, MAX_HEAD)
      .toString('latin1');
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      if (head.length > MAX_HEAD) throw new Error('a request head of more than 64 KiB');
      return chunk.length;
    }
    // What follows belongs to a body, or to the next request.
    head = head.slice(0, end + 2);
    const [method = '', target = ''] = head.slice(0, head.indexOf('\r\n')).split(' ');
    onRequest({ method, target });
    bodyLeft = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? 0);
    if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) chunkHead = '';
    head = '';
    return start + end + HEAD_END.length - before;
  }

  /** Reads `size\r\n`; the two bytes that end each chunk count as its body. */
  function readChunkHead(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      chunkHead += String.fromCharCode(chunk[at]!);
      if (!chunkHead!.endsWith('\r\n')) continue;
      const size = Number.parseInt(chunkHead!, 16);
      bodyLeft = size + 2;
      chunkHead = size === 0 ? undefined : '';
      return at + 1;
    }
    return chunk.length;
  }

  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (bodyLeft > 0) {
        const skipped = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= skipped;
        at += skipped;
      } else if (chunkHead === undefined) at = readHead(chunk, at);
      else at = readChunkHead(chunk, at);
    }
  };
}
