import type { RandomSource } from '../clock.ts';
import { AEAD_NONCE_LENGTH } from './aead.ts';

const POOLED_NONCES = 512;

/** Writes a fresh random nonce to the first 12 bytes of its argument. */
export type NonceSource = (target: Uint8Array) => void;

/** Asks the random source for many nonces at once: a call per nonce costs more than sealing a short item. */
export function createNoncePool(random: RandomSource): NonceSource {
  const pool = new Uint8Array(POOLED_NONCES * AEAD_NONCE_LENGTH);
  let next = pool.length;
  return (target) => {
    if (next === pool.length) {
      random(pool);
      next = 0;
    }
    target.set(pool.subarray(next, next + AEAD_NONCE_LENGTH));
    next += AEAD_NONCE_LENGTH;
  };
}
