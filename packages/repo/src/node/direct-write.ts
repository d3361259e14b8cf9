import type { FileHandle } from 'node:fs/promises';
import { bytesLength, bytesParts, type Bytes } from '../bytes.ts';

/** Shorter data is not worth going past the page cache for. */
export const MIN_DIRECT_LENGTH: number = 2 * 1024 * 1024;

/** Memory, file offset and length of a direct write must be multiples of the block size of the device. */
const ALIGNMENT = 4096;

/** Bytes of one system call. */
const WRITE_SIZE = 4 * 1024 * 1024;

const STAGING_SIZE = 1024 * 1024;
const WASM_PAGE_SIZE = 65_536;

/**
 * Writes past the page cache: for data that nobody reads soon it costs a fifth of the processor time, and
 * the fsync behind it has nothing left to do. Belongs to one storage, which remembers whether its file
 * system takes such writes.
 */
export class DirectWriter {
  readonly #staging: Uint8Array[] = [];

  /** False once the file system refused one. */
  isPossible = true;

  /**
   * Writes `data` to a file opened with O_DIRECT and gives it its exact length. Fails with EINVAL where file
   * system or memory are not fit for it; the file then has unknown contents.
   */
  async write(handle: FileHandle, data: Bytes, signal: AbortSignal | undefined): Promise<void> {
    const staging = this.#staging.pop() ?? alignedBuffer(STAGING_SIZE);
    try {
      const length = await writeAligned(handle, bytesParts(data), staging, signal);
      await handle.truncate(length);
    } finally {
      this.#staging.push(staging);
    }
  }
}

/** Buffers known to start at a page. */
const pageAligned = new WeakSet<ArrayBufferLike>();

/** Memory that starts at a page: WebAssembly's does, that of ordinary buffers does not. */
export function alignedBuffer(length: number): Uint8Array {
  const pages = Math.ceil(length / WASM_PAGE_SIZE);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  pageAligned.add(buffer);
  return new Uint8Array(buffer, 0, length);
}

/** Aligned runs go as they lie; what is left between them goes by way of `staging`. */
async function writeAligned(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  staging: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  let position = 0;
  let staged = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    for (let offset = 0; offset < bytes.length;) {
      signal?.throwIfAborted();
      const piece = bytes.subarray(offset, offset + WRITE_SIZE);
      const { bytesWritten } = await handle.write(piece, 0, piece.length, position);
      offset += bytesWritten;
      position += bytesWritten;
    }
  };
  for (const part of parts) {
    let rest = part;
    if (staged === 0 && part.byteOffset % ALIGNMENT === 0 && pageAligned.has(part.buffer)) {
      const aligned = rest.length - (rest.length % ALIGNMENT);
      await put(rest.subarray(0, aligned));
      rest = rest.subarray(aligned);
    }
    while (rest.length > 0) {
      const piece = rest.subarray(0, staging.length - staged);
      staging.set(piece, staged);
      staged += piece.length;
      rest = rest.subarray(piece.length);
      if (staged < staging.length) continue;
      await put(staging);
      staged = 0;
    }
  }
  const padded = Math.ceil(staged / ALIGNMENT) * ALIGNMENT;
  staging.fill(0, staged, padded);
  await put(staging.subarray(0, padded));
  return bytesLength(parts);
}
