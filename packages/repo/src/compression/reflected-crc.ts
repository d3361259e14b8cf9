/**
 * A reflected 32-bit CRC with initial value and final xor of all ones, over `data[start..end)`. Pass a
 * result as `seed` to continue.
 */
export type Crc = (data: Uint8Array, seed?: number, start?: number, end?: number) => number;

const SLICES = 8;

/**
 * The CRC of this reflected polynomial, eight bytes a step: slice n of the table is the effect of a byte
 * that n more bytes follow.
 */
export function createReflectedCrc(polynomial: number): Crc {
  const table = createTable(polynomial);
  return (data, seed = 0, start = 0, end = data.length) => {
    let crc = ~seed;
    let i = start;
    for (; i + 8 <= end; i += 8) {
      crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
      crc =
        table[0x700 | (crc & 0xff)]! ^
        table[0x600 | ((crc >>> 8) & 0xff)]! ^
        table[0x500 | ((crc >>> 16) & 0xff)]! ^
        table[0x400 | (crc >>> 24)]! ^
        table[0x300 | data[i + 4]!]! ^
        table[0x200 | data[i + 5]!]! ^
        table[0x100 | data[i + 6]!]! ^
        table[data[i + 7]!]!;
    }
    for (; i < end; i++) crc = table[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
    return ~crc >>> 0;
  };
}

function createTable(polynomial: number): Int32Array {
  const table = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const shorter = table[i - 256]!;
    table[i] = table[shorter & 0xff]! ^ (shorter >>> 8);
  }
  return table;
}
