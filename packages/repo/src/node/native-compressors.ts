import {
  constants,
  deflateRawSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import {
  COMPRESSION_HEADER_IDS,
  type Compressor,
  type CompressorName,
} from '../compression/compressor.ts';
import { createCompressorTable, type CompressorTable } from '../compression/compressor-table.ts';
import { createLz4Compressor } from '../compression/lz4-compressor.ts';
import { createS2Compressors } from '../compression/s2-compressors.ts';
import { CorruptDataError, describeError } from '../errors.ts';

const MIN_CHUNK_SIZE = 1 << 10;
/** One output buffer per call up to this size; larger outputs are gathered from several. */
const MAX_CHUNK_SIZE: number = 16 << 20;
/** 128 MiB windows; Kopia's own releases used up to 32 MiB. The window lies in memory while decoding. */
const ZSTD_MAX_WINDOW_LOG = 27;

/** Every compressor of Kopia, on `node:zlib` where it has the format. */
export function createNativeCompressors(): CompressorTable {
  return createCompressorTable([
    gzipCompressor('gzip', 6),
    gzipCompressor('gzip-best-speed', 1),
    gzipCompressor('gzip-best-compression', 9),
    gzipCompressor('pgzip', 6),
    gzipCompressor('pgzip-best-speed', 1),
    gzipCompressor('pgzip-best-compression', 9),
    deflateCompressor('deflate-default', 6),
    deflateCompressor('deflate-best-speed', 1),
    deflateCompressor('deflate-best-compression', 9),
    zstdCompressor('zstd', 3),
    zstdCompressor('zstd-fastest', 1),
    zstdCompressor('zstd-better-compression', 5),
    zstdCompressor('zstd-best-compression', 11),
    ...createS2Compressors(),
    createLz4Compressor(),
  ]);
}

function gzipCompressor(name: CompressorName, level: number): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: (data) =>
      ownBytes(gzipSync(data, { level, chunkSize: deflateChunkSize(data.length) })),
    decompress: nativeDecompress('gzip', gunzipSync),
  };
}

function deflateCompressor(name: CompressorName, level: number): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: (data) =>
      ownBytes(deflateRawSync(data, { level, chunkSize: deflateChunkSize(data.length) })),
    decompress: nativeDecompress('DEFLATE', inflateRawSync),
  };
}

function zstdCompressor(name: CompressorName, level: number): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: (data) =>
      ownBytes(
        zstdCompressSync(data, {
          // With the size known in front and room for the bound, libzstd writes in one go: a fifth faster.
          pledgedSrcSize: data.length,
          chunkSize: chunkSize(data.length + (data.length >> 8) + 512),
          params: {
            [constants.ZSTD_c_compressionLevel]: level,
            [constants.ZSTD_c_checksumFlag]: 1,
          },
        }),
      ),
    decompress: nativeDecompress('Zstandard', (stream, options) =>
      zstdDecompressSync(stream, {
        ...options,
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
      }),
    ),
  };
}

interface DecompressOptions {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
  readonly info: true;
}

/**
 * The `decompress` around a synchronous function of `node:zlib`. Those ignore what follows the last frame,
 * which for us is damage: they tell how much they read when asked for `info`.
 */
function nativeDecompress(
  format: string,
  run: (stream: Uint8Array, options: DecompressOptions) => unknown,
): Compressor['decompress'] {
  return (stream, maxLength, what) => {
    const options: DecompressOptions = {
      maxOutputLength: Math.max(maxLength, 1), // zero is not accepted
      chunkSize: chunkSize(Math.min(maxLength, Math.max(1 << 16, 8 * stream.length)) + 1),
      info: true,
    };
    let result: unknown;
    try {
      result = run(stream, options);
    } catch (cause) {
      throw new CorruptDataError(`${what}: ${format} stream: ${describeError(cause)}`, { cause });
    }
    const { buffer, engine } = result as WithInfo;
    if (engine.bytesWritten !== stream.length) {
      throw new CorruptDataError(`${what}: ${format} stream: bytes after the end`);
    }
    if (buffer.length > maxLength) {
      throw new CorruptDataError(`${what}: ${format} stream: holds more than ${maxLength} bytes`);
    }
    return plainBytes(buffer);
  };
}

/** What `node:zlib` returns when asked for `info`; its type declarations do not know. */
interface WithInfo {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * What a compressor returned, in memory of its length. `node:zlib` returns a view of the whole output buffer, for the
 * largest result: as large as the input, and held as long as the view.
 */
function ownBytes(buffer: Buffer<ArrayBuffer>): Uint8Array {
  const own = new Uint8Array(buffer);
  // Smaller ones lie in the pool that Node's buffers share.
  if (buffer.buffer.byteLength > 2 * Buffer.poolSize) buffer.buffer.transfer(0);
  return own;
}

/** `slice` of a Node buffer does not copy: callers get what the contract names. */
function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Above the bound of DEFLATE, which stores what it cannot compress in blocks of some 16 KiB. */
function deflateChunkSize(length: number): number {
  return chunkSize(length + (length >> 10) + 64);
}

function chunkSize(wanted: number): number {
  return Math.min(Math.max(wanted, MIN_CHUNK_SIZE), MAX_CHUNK_SIZE);
}
