import { boundedDecompress } from './bounded-decompress.ts';
import { COMPRESSION_HEADER_IDS, type Compressor } from './compressor.ts';
import { decodeLz4 } from './lz4-decoder.ts';

/** LZ4 is only read: current Kopia releases refuse it, so nothing new may be written with it. */
export function createLz4Compressor(): Compressor {
  return {
    name: 'lz4',
    headerID: COMPRESSION_HEADER_IDS.lz4,
    compress: undefined,
    decompress: boundedDecompress('LZ4', decodeLz4),
  };
}
