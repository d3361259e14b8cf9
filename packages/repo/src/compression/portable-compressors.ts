import { deflateSync, gzipSync } from 'fflate';
import type { BoundedOutput } from './bounded-output.ts';
import { boundedDecompress } from './bounded-decompress.ts';
import { COMPRESSION_HEADER_IDS, type Compressor, type CompressorName } from './compressor.ts';
import { createCompressorTable, type CompressorTable } from './compressor-table.ts';
import { gunzip } from './gunzip.ts';
import { inflate } from './inflate.ts';
import { createLz4Compressor } from './lz4-compressor.ts';
import { createS2Compressors } from './s2-compressors.ts';
import { StreamDamage } from './stream-damage.ts';
import { unzstd } from './unzstd.ts';

type DeflateLevel = 1 | 6 | 9;

/**
 * Every compressor of Kopia without Node. All of them decompress; the zstd family has no `compress` here
 * (a browser reads repositories, and frames without entropy coding would not shrink anything).
 */
export function createPortableCompressors(): CompressorTable {
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
    zstdDecompressor('zstd'),
    zstdDecompressor('zstd-fastest'),
    zstdDecompressor('zstd-better-compression'),
    zstdDecompressor('zstd-best-compression'),
    ...createS2Compressors(),
    createLz4Compressor(),
  ]);
}

function gzipCompressor(name: CompressorName, level: DeflateLevel): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    // Without a time in the header equal data compresses to equal bytes, and no clock is read.
    compress: (data) => gzipSync(data, { level, mtime: 0 }),
    decompress: boundedDecompress('gzip', gunzip),
  };
}

function deflateCompressor(name: CompressorName, level: DeflateLevel): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: (data) => deflateSync(data, { level }),
    decompress: boundedDecompress('DEFLATE', inflateWhole),
  };
}

function zstdDecompressor(name: CompressorName): Compressor {
  return {
    name,
    headerID: COMPRESSION_HEADER_IDS[name],
    compress: undefined,
    decompress: boundedDecompress('Zstandard', unzstd),
  };
}

function inflateWhole(stream: Uint8Array, output: BoundedOutput): void {
  if (inflate(stream, 0, output) !== stream.length) {
    throw new StreamDamage('bytes after the end');
  }
}
