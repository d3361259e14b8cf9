import { describe, expect, it } from 'vitest';
import {
  LEAVING_TABLE,
  type PolynomialTable,
  rabinKarp64,
  REDUCTION_TABLE,
} from './rabin-karp64.ts';

const ASCENDING = Uint8Array.from({ length: 256 }, (_, index) => index);

function entry(table: PolynomialTable, byte: number): bigint {
  return (BigInt(table.high[byte]!) << 32n) | BigInt.asUintN(32, BigInt(table.low[byte]!));
}

it('hashes windows to the values of Kopia', () => {
  expect(rabinKarp64(new Uint8Array(64), 0)).toBe(0n);
  expect(rabinKarp64(new Uint8Array(64).fill(0xaa), 0)).toBe(0x04009ed653a976n);
  expect(rabinKarp64(ASCENDING, 0)).toBe(0x1a91598731792bn);
  expect(rabinKarp64(ASCENDING, 0xc0)).toBe(0x05ccc3c66bd63dn);
});

describe('tables', () => {
  it.each([
    [0x01, 0x002e3e3e4a305605n],
    [0x02, 0x005c7c7c9460ac0an],
    [0x80, 0x10150536b714f475n],
    [0xff, 0x1fe60624da18a7a6n],
  ])('reduce by the entries of Kopia (%i)', (byte, expected) => {
    expect(entry(REDUCTION_TABLE, byte)).toBe(expected);
  });

  it.each([
    [0x01, 0x18c8237bf89981n],
    [0x02, 0x1fae78bdc16507n],
    [0x80, 0x0500b963c7432bn],
    [0xff, 0x0e4730942df54dn],
  ])('remove a leaving byte as the table of Kopia does, one step later (%i)', (byte, oldest) => {
    // Kopia removes the byte before the step: one multiplication by x^8 stands between the two tables.
    const top = Number(oldest >> 45n);
    expect(entry(LEAVING_TABLE, byte)).toBe((oldest << 8n) ^ entry(REDUCTION_TABLE, top));
  });
});
