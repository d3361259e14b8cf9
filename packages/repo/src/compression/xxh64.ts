/** A 64-bit word as two signed 32-bit halves: BigInt would allocate for every step. */
interface Word {
  high: number;
  low: number;
}

const PRIME_1: Word = { high: 0x9e3779b1 | 0, low: 0x85ebca87 | 0 };
const PRIME_2: Word = { high: 0xc2b2ae3d | 0, low: 0x27d4eb4f };
const PRIME_3: Word = { high: 0x165667b1, low: 0x9e3779f9 | 0 };
const PRIME_4: Word = { high: 0x85ebca77 | 0, low: 0xc2b2ae63 | 0 };
const PRIME_5: Word = { high: 0x27d4eb2f, low: 0x165667c5 };

/** The low 32 bits of XXH64 with seed 0: the content checksum of a Zstandard frame. */
export function xxh64Low(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const hash: Word = { high: 0, low: 0 };
  let i = 0;
  if (data.length >= 32) {
    i = hashStripes(view, hash);
  } else {
    add(hash, PRIME_5.high, PRIME_5.low);
  }
  add(hash, Math.floor(data.length / 2 ** 32), data.length | 0);
  hashTail(view, i, hash);
  avalanche(hash);
  return hash.low >>> 0;
}

/** Runs all whole 32-byte stripes through four lanes, merges them into `hash`, returns the bytes consumed. */
function hashStripes(view: DataView, hash: Word): number {
  const lanes: readonly [Word, Word, Word, Word] = [
    { high: PRIME_1.high, low: PRIME_1.low },
    { high: PRIME_2.high, low: PRIME_2.low },
    { high: 0, low: 0 },
    { high: ~PRIME_1.high, low: -PRIME_1.low | 0 },
  ];
  add(lanes[0], PRIME_2.high, PRIME_2.low);
  const [a, b, c, d] = lanes;
  const end = view.byteLength - 31;
  let i = 0;
  for (; i < end; i += 32) {
    round(a, view.getInt32(i + 4, true), view.getInt32(i, true));
    round(b, view.getInt32(i + 12, true), view.getInt32(i + 8, true));
    round(c, view.getInt32(i + 20, true), view.getInt32(i + 16, true));
    round(d, view.getInt32(i + 28, true), view.getInt32(i + 24, true));
  }
  for (const [lane, count] of [
    [a, 1],
    [b, 7],
    [c, 12],
    [d, 18],
  ] as const) {
    const turned = { high: lane.high, low: lane.low };
    rotateLeft(turned, count);
    add(hash, turned.high, turned.low);
  }
  for (const lane of lanes) {
    const merged = { high: 0, low: 0 };
    round(merged, lane.high, lane.low);
    xor(hash, merged.high, merged.low);
    multiply(hash, PRIME_1);
    add(hash, PRIME_4.high, PRIME_4.low);
  }
  return i;
}

function hashTail(view: DataView, start: number, hash: Word): void {
  let i = start;
  const word: Word = { high: 0, low: 0 };
  for (; i + 8 <= view.byteLength; i += 8) {
    word.high = 0;
    word.low = 0;
    round(word, view.getInt32(i + 4, true), view.getInt32(i, true));
    xor(hash, word.high, word.low);
    rotateLeft(hash, 27);
    multiply(hash, PRIME_1);
    add(hash, PRIME_4.high, PRIME_4.low);
  }
  if (i + 4 <= view.byteLength) {
    word.high = 0;
    word.low = view.getInt32(i, true);
    multiply(word, PRIME_1);
    xor(hash, word.high, word.low);
    rotateLeft(hash, 23);
    multiply(hash, PRIME_2);
    add(hash, PRIME_3.high, PRIME_3.low);
    i += 4;
  }
  for (; i < view.byteLength; i++) {
    word.high = 0;
    word.low = view.getUint8(i);
    multiply(word, PRIME_5);
    xor(hash, word.high, word.low);
    rotateLeft(hash, 11);
    multiply(hash, PRIME_1);
  }
}

function avalanche(hash: Word): void {
  xor(hash, 0, hash.high >>> 1); // a shift right by 33
  multiply(hash, PRIME_2);
  xor(hash, hash.high >>> 29, (hash.high << 3) | (hash.low >>> 29));
  multiply(hash, PRIME_3);
  xor(hash, 0, hash.high); // a shift right by 32
}

function round(lane: Word, high: number, low: number): void {
  const productLow = Math.imul(low, PRIME_2.low);
  const productHigh =
    multiplyHigh(low, PRIME_2.low) + Math.imul(low, PRIME_2.high) + Math.imul(high, PRIME_2.low);
  add(lane, productHigh | 0, productLow);
  rotateLeft(lane, 31);
  multiply(lane, PRIME_1);
}

function multiply(word: Word, by: Word): void {
  const { high, low } = word;
  word.low = Math.imul(low, by.low);
  word.high = (multiplyHigh(low, by.low) + Math.imul(low, by.high) + Math.imul(high, by.low)) | 0;
}

/** The upper half of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // No sum reaches 2^32: 65535 * 65535 leaves room for one more half word.
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const carry = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

function add(word: Word, high: number, low: number): void {
  const sum = (word.low >>> 0) + (low >>> 0);
  word.low = sum | 0;
  word.high = (word.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
}

function xor(word: Word, high: number, low: number): void {
  word.high ^= high;
  word.low ^= low;
}

/** `count` from 1 to 31. */
function rotateLeft(word: Word, count: number): void {
  const { high, low } = word;
  word.high = (high << count) | (low >>> (32 - count));
  word.low = (low << count) | (high >>> (32 - count));
}
