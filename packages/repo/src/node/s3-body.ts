import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** Bytes handed to the socket or the hash at a time. */
const PIECE_SIZE = 256 * 1024;
/** Bytes hashed between two turns of the event loop: about two milliseconds. */
const HASH_SLICE_SIZE = 1024 * 1024;

/** Base64 MD5 of the pieces in order, without holding up the event loop. */
export async function contentMD5(
  parts: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('md5');
  let sinceTurn = 0;
  for (const piece of pieces(parts)) {
    if (sinceTurn >= HASH_SLICE_SIZE) {
      await setImmediate();
      signal?.throwIfAborted();
      sinceTurn = 0;
    }
    hash.update(piece);
    sinceTurn += piece.length;
  }
  return hash.digest('base64');
}

/**
 * The gathered pieces as a request body, without joining them. Buffers over the same memory, shared or not: the
 * HTTP client takes nothing else. The length is known, so this is one plain PutObject and not the upload
 * manager of `@aws-sdk/lib-storage`, which exists for streams of unknown length and splits them into parts;
 * Kopia's blobs are single objects with one Content-MD5.
 */
export function uploadBody(parts: readonly Uint8Array[]): Readable {
  return Readable.from(pieces(parts), { objectMode: false });
}

function* pieces(parts: readonly Uint8Array[]): Generator<Buffer, void, void> {
  for (const part of parts) {
    for (let offset = 0; offset < part.length; offset += PIECE_SIZE) {
      const length = Math.min(PIECE_SIZE, part.length - offset);
      yield Buffer.from(part.buffer, part.byteOffset + offset, length);
    }
  }
}
