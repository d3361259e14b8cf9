import { describe, expect, it } from 'vitest';
import { divide, multiply } from './gf256.ts';
import { ReedSolomonCode } from './reed-solomon.ts';

/** Multiplication as the field is defined, bit by bit. */
function slowMultiply(a: number, b: number): number {
  let product = 0;
  let shifted = a;
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = shifted & 0x80 ? (shifted << 1) ^ 0x11d : shifted << 1;
  }
  return product;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = slowMultiply(result, base);
  return result;
}

function firstOfRow(code: ReedSolomonCode, row: number, count: number): number[] {
  return Array.from({ length: count }, (_, column) => code.coefficient(row, column));
}

describe('the field of 256 elements', () => {
  it('multiplies as defined and divides back', () => {
    const wrong: [number, number][] = [];
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        const product = multiply(a, b);
        if (product !== slowMultiply(a, b) || (b !== 0 && divide(product, b) !== a)) {
          wrong.push([a, b]);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the Reed-Solomon matrix', () => {
  it("has Kopia's coefficients", () => {
    const small = new ReedSolomonCode(6, 2);
    expect(firstOfRow(small, 0, 6)).toEqual([7, 6, 5, 4, 3, 2]);
    expect(firstOfRow(small, 1, 6)).toEqual([6, 7, 4, 5, 2, 3]);
    expect(firstOfRow(new ReedSolomonCode(128, 4), 0, 12)).toEqual([
      108, 77, 190, 116, 237, 23, 183, 250, 57, 196, 156, 180,
    ]);
  });

  it.each([
    [6, 2],
    [128, 4],
    [128, 120],
    [254, 2],
  ])('for %i + %i shards times the upper Vandermonde square is the lower part', (data, parity) => {
    const code = new ReedSolomonCode(data, parity);
    for (let row = 0; row < parity; row += Math.ceil(parity / 5)) {
      for (let column = 0; column < data; column += 7) {
        let sum = 0;
        for (let k = 0; k < data; k++) sum ^= multiply(code.coefficient(row, k), power(k, column));
        expect(sum).toBe(power(data + row, column));
      }
    }
  });
});
