import { addMultiple, divide, multiply } from './gf256.ts';

/** Parity rows whose products share one 32-bit word of a table. */
const ROWS_PER_WORD = 4;

/**
 * A systematic Reed–Solomon code over bytes with at most 256 shards. Data shard c is the value at point c
 * of a polynomial per byte position, parity shard r its value at point `dataShards + r`; any `dataShards`
 * of them determine it. The same matrix as Vandermonde times the inverse of its upper square.
 */
export class ReedSolomonCode {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly #matrix: Uint8Array;
  #tables: Int32Array | undefined;

  constructor(dataShards: number, parityShards: number) {
    this.dataShards = dataShards;
    this.parityShards = parityShards;
    this.#matrix = createParityMatrix(dataShards, parityShards);
  }

  /** What data shard `column` is multiplied with in parity shard `row`. */
  coefficient(row: number, column: number): number {
    return this.#matrix[row * this.dataShards + column]!;
  }

  /** Sums up the parity of one block after the other. One user at a time. */
  createAccumulator(shardLength: number): ParityAccumulator {
    this.#tables ??= this.#createTables();
    return new ParityAccumulator(this, this.#tables, shardLength);
  }

  /**
   * The data shards with indexes `missing`, from what each of the parity shards `rows` (as many) lacks:
   * itself plus the contribution of all present data shards.
   */
  solve(
    missing: readonly number[],
    rows: readonly number[],
    lacks: readonly Uint8Array[],
  ): readonly Uint8Array[] {
    const inverse = invert(missing.length, (r, c) => this.coefficient(rows[r]!, missing[c]!));
    return inverse.map((factors) => {
      const shard = new Uint8Array(lacks[0]?.length ?? 0);
      for (const [i, lack] of lacks.entries()) addMultiple(shard, lack, factors[i]!);
      return shard;
    });
  }

  /**
   * For each group of four rows, each column and each byte: the four products in one word. 1 KiB for each
   * column of a group; 3.8 MB at most, for 128 + 120 shards.
   */
  #createTables(): Int32Array {
    const groups = Math.ceil(this.parityShards / ROWS_PER_WORD);
    const tables = new Int32Array(groups * this.dataShards * 256);
    for (let row = 0; row < this.parityShards; row++) {
      const group = Math.floor(row / ROWS_PER_WORD);
      const shift = 8 * (row % ROWS_PER_WORD);
      for (let column = 0; column < this.dataShards; column++) {
        const base = (group * this.dataShards + column) * 256;
        const coefficient = this.coefficient(row, column);
        for (let byte = 1; byte < 256; byte++) {
          tables[base + byte]! |= multiply(coefficient, byte) << shift;
        }
      }
    }
    return tables;
  }
}

/** The parity of one block, to which data shards are added in any order; absent ones count as zeros. */
export class ParityAccumulator {
  readonly #code: ReedSolomonCode;
  readonly #tables: Int32Array;
  readonly #shardLength: number;
  /** For each group of four rows and each byte position: the four parity bytes in one word. */
  readonly #sums: Int32Array;

  constructor(code: ReedSolomonCode, tables: Int32Array, shardLength: number) {
    this.#code = code;
    this.#tables = tables;
    this.#shardLength = shardLength;
    this.#sums = new Int32Array(Math.ceil(code.parityShards / ROWS_PER_WORD) * shardLength);
  }

  reset(): void {
    this.#sums.fill(0);
  }

  /** Adds data shard `column`, which begins at `start` of `source` and goes on with zeros behind its end. */
  add(column: number, source: Uint8Array, start: number): void {
    const tables = this.#tables;
    const sums = this.#sums;
    const shardLength = this.#shardLength;
    const length = Math.min(shardLength, source.length - start);
    const groupStride = this.#code.dataShards * 256;
    let table = column * 256;
    for (let base = 0; base < sums.length; base += shardLength) {
      for (let i = 0; i < length; i++) {
        sums[base + i]! ^= tables[table + source[start + i]!]!;
      }
      table += groupStride;
    }
  }

  /** Adds four whole data shards from `column` on, `stride` bytes apart: the sums are touched once for all. */
  addFour(column: number, source: Uint8Array, start: number, stride: number): void {
    const tables = this.#tables;
    const sums = this.#sums;
    const shardLength = this.#shardLength;
    const groupStride = this.#code.dataShards * 256;
    const second = start + stride;
    const third = second + stride;
    const fourth = third + stride;
    let table = column * 256;
    for (let base = 0; base < sums.length; base += shardLength) {
      for (let i = 0; i < shardLength; i++) {
        sums[base + i]! ^=
          tables[table + source[start + i]!]! ^
          tables[table + 256 + source[second + i]!]! ^
          tables[table + 512 + source[third + i]!]! ^
          tables[table + 768 + source[fourth + i]!]!;
      }
      table += groupStride;
    }
  }

  /** Writes parity shard `row` to `target` at `start`. */
  copyRow(row: number, target: Uint8Array, start: number): void {
    const base = Math.floor(row / ROWS_PER_WORD) * this.#shardLength;
    const shift = 8 * (row % ROWS_PER_WORD);
    for (let i = 0; i < this.#shardLength; i++) {
      target[start + i] = this.#sums[base + i]! >>> shift;
    }
  }
}

/** Lagrange's basis polynomials over the points 0 to `dataShards - 1`, evaluated at the points that follow. */
function createParityMatrix(dataShards: number, parityShards: number): Uint8Array {
  const weights = Array.from({ length: dataShards }, (_, column) =>
    productOfDifferences(column, dataShards),
  );
  const matrix = new Uint8Array(parityShards * dataShards);
  for (let row = 0; row < parityShards; row++) {
    const point = dataShards + row;
    const all = productOfDifferences(point, dataShards);
    for (let column = 0; column < dataShards; column++) {
      matrix[row * dataShards + column] = divide(all, multiply(point ^ column, weights[column]!));
    }
  }
  return matrix;
}

/** The product of `point - other` over the points below `count`, itself left out. */
function productOfDifferences(point: number, count: number): number {
  let product = 1;
  for (let other = 0; other < count; other++) {
    if (other !== point) product = multiply(product, point ^ other);
  }
  return product;
}

/** Inverts a square matrix by elimination. Each square part of a parity matrix has an inverse. */
function invert(
  size: number,
  element: (row: number, column: number) => number,
): readonly Uint8Array[] {
  const rows = Array.from({ length: size }, (_, row) =>
    Uint8Array.from({ length: 2 * size }, (__, column) =>
      column < size ? element(row, column) : Number(column - size === row),
    ),
  );
  for (let column = 0; column < size; column++) {
    const pivotRow = rows.findIndex((row, index) => index >= column && row[column] !== 0);
    const pivot = rows[pivotRow]!;
    rows[pivotRow] = rows[column]!;
    rows[column] = pivot;
    const scale = divide(1, pivot[column]!);
    for (let i = 0; i < pivot.length; i++) pivot[i] = multiply(pivot[i]!, scale);
    for (const row of rows) {
      if (row !== pivot) addMultiple(row, pivot, row[column]!);
    }
  }
  return rows.map((row) => row.subarray(size));
}
