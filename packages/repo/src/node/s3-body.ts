import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';

import { freeMemory } from '../bytes.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import type { BlobID } from '../blob/storage.ts';
import { roomFor } from './room.ts';

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

/**
 * Reads a response body of known length into one buffer, the start of `into` if that has room. A body that ends
 * early is STORAGE_FAILED and retryable; one that goes on is CORRUPT_DATA. The stream is destroyed unless it was
 * read to its end.
 */
export async function readBody(
  body: unknown,
  expected: {
    readonly id: BlobID;
    readonly length: number;
    readonly into?: Uint8Array | undefined;
  },
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { id, length, into } = expected;
  if (!(body instanceof Readable)) {
    throw new LongshoreError('STORAGE_FAILED', `blob ${id}: the answer has no body`, {
      blobID: id,
      retryable: true,
    });
  }
  const bytes = roomFor(length, into);
  const target = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  // Framed by its length, a body comes in pieces that are each all of what was read from the socket.
  const { IncomingMessage } = process.getBuiltinModule('node:http');
  const ownsChunks =
    body instanceof IncomingMessage && body.headers['transfer-encoding'] === undefined;
  let done = 0;
  const onAbort = (): void => void body.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    // Not an iteration: that would have the stream join what it holds before each step.
    body.on('data', (chunk: Uint8Array) => {
      if (done + chunk.length > length) {
        body.destroy(
          new CorruptDataError(`blob ${id}: the answer is longer than ${length} bytes`, {
            blobID: id,
          }),
        );
        return;
      }
      // Unlike `set`, `copy` is fast into shared memory whatever the alignment.
      bufferOf(chunk).copy(target, done);
      done += chunk.length;
      // Not at once: whoever cut the piece out of what the socket gave is still at work on that.
      if (ownsChunks) process.nextTick(freeMemory, chunk);
    });
    await finished(body);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    body.destroy();
  }
  signal?.throwIfAborted();
  if (done < length) throw truncatedError(id, done, length);
  return bytes;
}

function bufferOf(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function truncatedError(id: BlobID, done: number, length: number): LongshoreError {
  return new LongshoreError(
    'STORAGE_FAILED',
    `blob ${id}: the answer broke off after ${done} of ${length} bytes`,
    { blobID: id, retryable: true },
  );
}
