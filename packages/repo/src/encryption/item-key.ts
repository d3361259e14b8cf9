import { invariant } from '../errors.ts';

const BLOCK_LENGTH = 64;
const LONGEST_MESSAGE = BLOCK_LENGTH - 9;

const INITIAL_STATE = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const ROUND_CONSTANTS = Int32Array.from([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** The key of one item, 32 fresh bytes, from its `iv`. */
export type ItemKeyDerivation = (iv: Uint8Array) => Uint8Array;

/**
 * HMAC-SHA256 of short messages (up to 55 bytes) under a 32-byte key, made for one job: a key per item. With
 * the states behind both padded keys kept, that is two compressions, a third of what a call into a native
 * or WASM hash costs; beside sealing a few KiB that difference counts.
 */
export function createItemKeyDerivation(contentSecret: Uint8Array): ItemKeyDerivation {
  invariant(contentSecret.length === 32, 'the content secret has 32 bytes');
  const schedule = new Int32Array(64);
  const state = new Int32Array(8);
  const inner = stateAfterPaddedKey(contentSecret, 0x36, schedule);
  const outer = stateAfterPaddedKey(contentSecret, 0x5c, schedule);

  return (iv) => {
    invariant(iv.length <= LONGEST_MESSAGE, 'an iv fits one block');
    schedule.fill(0, 0, 16);
    for (let i = 0; i < iv.length; i++) schedule[i >> 2]! |= iv[i]! << (24 - 8 * (i & 3));
    schedule[iv.length >> 2]! |= 0x80 << (24 - 8 * (iv.length & 3));
    schedule[15] = 8 * (BLOCK_LENGTH + iv.length);
    state.set(inner);
    compress(state, schedule);

    schedule.set(state);
    schedule.fill(0, 8, 15);
    schedule[8] = 0x80000000 | 0;
    schedule[15] = 8 * (BLOCK_LENGTH + 32);
    state.set(outer);
    compress(state, schedule);

    const key = new Uint8Array(32);
    for (let i = 0; i < 32; i++) key[i] = state[i >> 2]! >>> (24 - 8 * (i & 3));
    return key;
  };
}

function stateAfterPaddedKey(key: Uint8Array, pad: number, schedule: Int32Array): Int32Array {
  const block = new Uint8Array(BLOCK_LENGTH).fill(pad);
  key.forEach((byte, i) => {
    block[i] = byte ^ pad;
  });
  const view = new DataView(block.buffer);
  for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(4 * i);
  const state = Int32Array.from(INITIAL_STATE);
  compress(state, schedule);
  return state;
}

/** SHA-256 (FIPS 180-4, section 6.2.2). The first 16 words of `w` are the block; the rest is overwritten. */
function compress(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const early = w[i - 15]!;
    const late = w[i - 2]!;
    const s0 = rotateRight(early, 7) ^ rotateRight(early, 18) ^ (early >>> 3);
    const s1 = rotateRight(late, 17) ^ rotateRight(late, 19) ^ (late >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[i]! + w[i]!) | 0;
    const s0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

function rotateRight(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
