import { createReflectedCrc, type Crc } from './reflected-crc.ts';

/** CRC-32 of IEEE 802.3: gzip trailers, error correction shards, pack postambles. */
export const crc32: Crc = createReflectedCrc(0xedb88320);
