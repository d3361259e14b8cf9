import { encodeUtf8 } from '../bytes.ts';
import { invariant } from '../errors.ts';

const BLOCK_LENGTH = 64;

const FLAG_CHUNK_START = 1;
const FLAG_CHUNK_END = 2;
const FLAG_ROOT = 8;
const FLAG_DERIVE_KEY_CONTEXT = 32;
const FLAG_DERIVE_KEY_MATERIAL = 64;

/** The initial chaining value of BLAKE3: that of SHA-256. */
const BLAKE3_IV: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const MESSAGE_PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const ROUNDS = 7;
const COLUMNS_AND_DIAGONALS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/**
 * BLAKE3's key derivation mode, 32 bytes, for a context and key material of at most one block (64 bytes)
 * each: all that stretching a short repository secret needs, and what the WASM library does not offer.
 * Source: the BLAKE3 paper, sections 2.2 to 2.6.
 */
export function deriveBlake3Key(context: string, material: Uint8Array): Uint8Array {
  const contextKey = rootOfOneBlock(BLAKE3_IV, encodeUtf8(context), FLAG_DERIVE_KEY_CONTEXT);
  const key = rootOfOneBlock(contextKey, material, FLAG_DERIVE_KEY_MATERIAL);
  const result = new Uint8Array(32);
  const view = new DataView(result.buffer);
  key.forEach((word, i) => view.setUint32(4 * i, word, true));
  return result;
}

/** Compresses an input of at most one block, which is start, end and root at once, to eight words. */
function rootOfOneBlock(key: readonly number[], input: Uint8Array, mode: number): number[] {
  invariant(input.length <= BLOCK_LENGTH, 'BLAKE3 key derivation is limited to one block');
  const block = new Uint8Array(BLOCK_LENGTH);
  block.set(input);
  const view = new DataView(block.buffer);
  let message = Array.from({ length: 16 }, (_, i) => view.getUint32(4 * i, true));
  const flags = FLAG_CHUNK_START | FLAG_CHUNK_END | FLAG_ROOT | mode;
  const state = Uint32Array.from([...key, ...BLAKE3_IV.slice(0, 4), 0, 0, input.length, flags]);
  for (let round = 0; round < ROUNDS; round++) {
    COLUMNS_AND_DIAGONALS.forEach(([a, b, c, d], i) => {
      mix(state, a, b, c, d, message[2 * i]!, message[2 * i + 1]!);
    });
    message = MESSAGE_PERMUTATION.map((from) => message[from]!);
  }
  return Array.from({ length: 8 }, (_, i) => (state[i]! ^ state[i + 8]!) >>> 0);
}

function mix(
  v: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  x: number,
  y: number,
): void {
  v[a] = v[a]! + v[b]! + x;
  v[d] = rotateRight(v[d]! ^ v[a], 16);
  v[c] = v[c]! + v[d];
  v[b] = rotateRight(v[b]! ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = rotateRight(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = rotateRight(v[b] ^ v[c], 7);
}

function rotateRight(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
