/** Kopia's compressor names and the header IDs stored in indexes and in front of each compressed content. */
export const COMPRESSION_HEADER_IDS = {
  gzip: 0x1000,
  'gzip-best-speed': 0x1001,
  'gzip-best-compression': 0x1002,
  zstd: 0x1100,
  'zstd-fastest': 0x1101,
  'zstd-better-compression': 0x1102,
  'zstd-best-compression': 0x1103,
  's2-default': 0x1200,
  's2-better': 0x1201,
  's2-parallel-4': 0x1202,
  's2-parallel-8': 0x1203,
  pgzip: 0x1300,
  'pgzip-best-speed': 0x1301,
  'pgzip-best-compression': 0x1302,
  lz4: 0x1400,
  'deflate-default': 0x1500,
  'deflate-best-speed': 0x1501,
  'deflate-best-compression': 0x1502,
} as const;

export type CompressorName = keyof typeof COMPRESSION_HEADER_IDS;

/** One compression algorithm at one level. Synchronous. Streams exclude the four header bytes. */
export interface Compressor {
  readonly name: CompressorName;
  readonly headerID: number;
  /** Undefined for algorithms that are only read (`lz4`). */
  /** The result lies in memory of its own, which the caller may discard. */
  readonly compress: ((data: Uint8Array) => Uint8Array) | undefined;
  /**
   * At most `maxLength` bytes come out; more, or a damaged stream, is CORRUPT_DATA naming `what`.
   * The result is owned by the caller.
   */
  decompress(stream: Uint8Array, maxLength: number, what: string): Uint8Array;
}
