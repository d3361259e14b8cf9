/**
 * Arithmetic in the field of 256 elements with polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2
 * generates all others. Addition is exclusive or.
 */
const POLYNOMIAL = 0x11d;
const ORDER = 255;

const { EXPONENTIALS, LOGARITHMS } = createTables();

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXPONENTIALS[LOGARITHMS[a]! + LOGARITHMS[b]!]!;
}

/** `b` is not zero. */
export function divide(a: number, b: number): number {
  return a === 0 ? 0 : EXPONENTIALS[LOGARITHMS[a]! + ORDER - LOGARITHMS[b]!]!;
}

/** Adds `factor` times each of the bytes of `source` to those of `target`. */
export function addMultiple(target: Uint8Array, source: Uint8Array, factor: number): void {
  if (factor === 0) return;
  for (let i = 0; i < target.length; i++) target[i]! ^= multiply(source[i]!, factor);
}

/** The exponentials are repeated, so that a sum of two logarithms needs no reduction. */
function createTables(): {
  readonly EXPONENTIALS: Uint8Array;
  readonly LOGARITHMS: Uint8Array;
} {
  const exponentials = new Uint8Array(2 * ORDER);
  const logarithms = new Uint8Array(256);
  let element = 1;
  for (let power = 0; power < ORDER; power++) {
    exponentials[power] = element;
    exponentials[power + ORDER] = element;
    logarithms[element] = power;
    element <<= 1;
    if (element > 0xff) element ^= POLYNOMIAL;
  }
  return { EXPONENTIALS: exponentials, LOGARITHMS: logarithms };
}
