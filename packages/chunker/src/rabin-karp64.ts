import { WINDOW_SIZE } from './hash-search.ts';

/** Degree and bits of Kopia's modulus, a polynomial over GF(2). */
const DEGREE = 53;
const MODULUS = 0x2e_3e3e_4a30_5605n;

/** A table of 256 polynomials below x^61, split into halves that fit the engine's integers. */
export interface PolynomialTable {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** Entry b clears the byte b at x^53 and adds its remainder: what reduces a value below x^61. */
export const REDUCTION_TABLE: PolynomialTable = multiplesOf(
  powerOfX(DEGREE) ^ (1n << BigInt(DEGREE)),
);

/** Entry b is what byte b still contributes one step after it became the oldest of the window: b * x^512. */
export const LEAVING_TABLE: PolynomialTable = multiplesOf(powerOfX(8 * WINDOW_SIZE));

/** x^exponent modulo the modulus. */
function powerOfX(exponent: number): bigint {
  let value = 1n;
  for (let step = 0; step < exponent; step++) {
    value <<= 1n;
    if (value >> BigInt(DEGREE) !== 0n) value ^= MODULUS;
  }
  return value;
}

/** Entry b is the polynomial b times `factor`; bits at x^53 and above are a marker that is carried along unreduced. */
function multiplesOf(factor: bigint): PolynomialTable {
  const marker = factor >> BigInt(DEGREE);
  let remainder = factor ^ (marker << BigInt(DEGREE));
  const high = new Int32Array(256);
  const low = new Int32Array(256);
  for (let bit = 0; bit < 8; bit++) {
    const value = remainder ^ (marker << BigInt(DEGREE + bit));
    for (let byte = 1 << bit; byte < 256; byte++) {
      if ((byte & (1 << bit)) === 0) continue;
      high[byte]! ^= Number(value >> 32n);
      low[byte]! ^= Number(BigInt.asIntN(32, value));
    }
    remainder <<= 1n;
    if (remainder >> BigInt(DEGREE) !== 0n) remainder ^= MODULUS;
  }
  return { high, low };
}

/** The hash of the 64 bytes that start at `offset`: the polynomial they spell, oldest byte first, modulo the modulus. */
export function rabinKarp64(data: Uint8Array, offset: number): bigint {
  const [high, low] = prime(data, offset);
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function prime(data: Uint8Array, offset: number): readonly [high: number, low: number] {
  let high = 0;
  let low = 0;
  for (let index = offset; index < offset + WINDOW_SIZE; index++) {
    const top = high >>> 13;
    high = ((high << 8) | (low >>> 24)) ^ REDUCTION_TABLE.high[top]!;
    low = (low << 8) ^ data[index]! ^ REDUCTION_TABLE.low[top]!;
  }
  return [high, low];
}

/** The reference {@link HashSearch} of RABINKARP. Masks have at most 32 bits, so only the low half is tested. */
export function searchRabinKarp64(
  data: Uint8Array,
  first: number,
  last: number,
  mask: number,
): number {
  const { high: reductionHigh, low: reductionLow } = REDUCTION_TABLE;
  const { high: leavingHigh, low: leavingLow } = LEAVING_TABLE;
  let [high, low] = prime(data, first - WINDOW_SIZE);
  if ((low & mask) === 0) return first;
  for (
    let entering = first, leaving = first - WINDOW_SIZE;
    entering < last;
    entering++, leaving++
  ) {
    const top = high >>> 13;
    const oldest = data[leaving]!;
    high = ((high << 8) | (low >>> 24)) ^ (reductionHigh[top]! ^ leavingHigh[oldest]!);
    low = (low << 8) ^ reductionLow[top]! ^ (leavingLow[oldest]! ^ data[entering]!);
    if ((low & mask) === 0) return entering + 1;
  }
  return -1;
}
