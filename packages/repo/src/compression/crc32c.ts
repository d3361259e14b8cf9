import { createReflectedCrc, type Crc } from './reflected-crc.ts';

/** CRC-32C (Castagnoli). */
export const crc32c: Crc = createReflectedCrc(0x82f63b78);

/** The form that Snappy and S2 streams store: a CRC over data that holds CRCs would be degenerate otherwise. */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
