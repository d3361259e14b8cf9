/** A number in [0, 1): where it comes from decides whether a run can be repeated. */
export type RandomNumber = () => number;

/**
 * Repeatable pseudo-random numbers for simulations and fault injection: the mulberry32 generator.
 * Never for keys or nonces.
 */
export function createSeededRandom(seed: number): RandomNumber {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
