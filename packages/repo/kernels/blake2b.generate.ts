import { blake2Schedule, eachWord, unrolledRounds, type WordSyntax } from './blake-rounds.ts';

const IV = [
  '0x6a09e667f3bcc908',
  '0xbb67ae8584caa73b',
  '0x3c6ef372fe94f82b',
  '0xa54ff53a5f1d36f1',
  '0x510e527fade682d1',
  '0x9b05688c2b3e6c1f',
  '0x1f83d9abfb41bd6b',
  '0x5be0cd19137e2179',
];

const ROTATIONS = [32, 24, 16, 63] as const;
const SCHEDULE = blake2Schedule(12);

const SCALAR: WordSyntax = {
  add: (a, b) => `(${a} + ${b})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  rotateRight: (a, count) => `rotr<u64>(${a}, ${count})`,
};

const PAIR: WordSyntax = {
  add: (a, b) => `i64x2.add(${a}, ${b})`,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  rotateRight: (a, count) => `rotr${count}(${a})`,
};

/** A rotation by whole bytes as a byte shuffle, within each half of the vector. */
function byteRotation(bits: number): string {
  const lanes = Array.from({ length: 16 }, (_, i) => (i & 8) + (((i & 7) + bits / 8) & 7));
  return `v128.shuffle<u8>(x, x, ${lanes.join(', ')})`;
}

/** `m0` to `m15`: each message word of both blocks, side by side. */
const INTERLEAVE = Array.from(
  { length: 8 },
  (_, i) => `    const a${i} = v128.load(dataA, ${16 * i});
    const b${i} = v128.load(dataB, ${16 * i});
    const m${2 * i} = v128.shuffle<u64>(a${i}, b${i}, 0, 2);
    const m${2 * i + 1} = v128.shuffle<u64>(a${i}, b${i}, 1, 3);`,
).join('\n');

/** AssemblyScript source of the BLAKE2b kernel (RFC 7693, keyed or not; the caller prepares the state). */
export function generate(): string {
  return `
@inline function rotr32(x: v128): v128 { return ${byteRotation(32)}; }
@inline function rotr24(x: v128): v128 { return ${byteRotation(24)}; }
@inline function rotr16(x: v128): v128 { return ${byteRotation(16)}; }
@inline function rotr63(x: v128): v128 { return v128.xor(i64x2.shr_u(x, 63), i64x2.add(x, x)); }

// Compresses whole blocks into the eight words at state. counter: bytes hashed before; flag: all ones in the
// last block of a message. step: what the counter grows by before each block.
function compress(state: usize, data: usize, blocks: u32, counter: u64, step: u64, flag: u64): void {
${eachWord(8, (i) => `let h${i} = load<u64>(state, ${8 * i});`)}
  for (; blocks != 0; blocks--) {
    counter += step;
${eachWord(8, (i) => `let v${i} = h${i};`)}
${eachWord(8, (i) => `let v${i + 8}: u64 = ${IV[i]};`)}
    v12 ^= counter;
    v14 ^= flag;
${unrolledRounds({
  syntax: SCALAR,
  schedule: SCHEDULE,
  rotations: ROTATIONS,
  message: (i) => `load<u64>(data, ${8 * i})`,
})}
${eachWord(8, (i) => `h${i} ^= v${i} ^ v${i + 8};`)}
    data += 128;
  }
${eachWord(8, (i) => `store<u64>(state, h${i}, ${8 * i});`)}
}

// The same for two messages at once, one in each half of a vector.
function compressPair(
  stateA: usize, stateB: usize, dataA: usize, dataB: usize, blocks: u32,
  counterA: u64, counterB: u64, step: u64, flag: u64,
): void {
${eachWord(8, (i) => `let h${i} = i64x2(load<i64>(stateA, ${8 * i}), load<i64>(stateB, ${8 * i}));`)}
  let counter = i64x2(counterA, counterB);
  const steps = i64x2.splat(step);
  const flags = i64x2.splat(flag);
  for (; blocks != 0; blocks--) {
    counter = i64x2.add(counter, steps);
${eachWord(8, (i) => `let v${i} = h${i};`)}
${eachWord(8, (i) => `let v${i + 8} = i64x2.splat(${IV[i]});`)}
    v12 = v128.xor(v12, counter);
    v14 = v128.xor(v14, flags);
${INTERLEAVE}
${unrolledRounds({
  syntax: PAIR,
  schedule: SCHEDULE,
  rotations: ROTATIONS,
  message: (i) => `m${i}`,
})}
${eachWord(8, (i) => `h${i} = v128.xor(h${i}, v128.xor(v${i}, v${i + 8}));`)}
    dataA += 128;
    dataB += 128;
  }
${eachWord(8, (i) => `store<i64>(stateA, i64x2.extract_lane(h${i}, 0), ${8 * i});`)}
${eachWord(8, (i) => `store<i64>(stateB, i64x2.extract_lane(h${i}, 1), ${8 * i});`)}
}

// The last block of a message, padded with zeros at \`block\` (128 bytes of scratch) unless it is a whole one.
@inline function lastBlock(data: usize, length: u32, block: usize): usize {
  if (length == 128) return data;
  memory.fill(block, 0, 128);
  memory.copy(block, data, length);
  return block;
}

export function update(state: usize, data: usize, length: u32, counter: f64): void {
  compress(state, data, length >> 7, <u64>counter, 128, 0);
}

export function finish(state: usize, data: usize, length: u32, counter: f64, block: usize): void {
  const blocks = length == 0 ? 0 : (length - 1) >> 7;
  const rest = length - (blocks << 7);
  compress(state, data, blocks, <u64>counter, 128, 0);
  const last = lastBlock(data + (blocks << 7), rest, block);
  compress(state, last, 1, <u64>counter + length, 0, -1);
}

export function updatePair(
  stateA: usize, stateB: usize, dataA: usize, dataB: usize, length: u32,
  counterA: f64, counterB: f64,
): void {
  compressPair(stateA, stateB, dataA, dataB, length >> 7, <u64>counterA, <u64>counterB, 128, 0);
}

export function finishPair(
  stateA: usize, stateB: usize, dataA: usize, dataB: usize,
  lengthA: u32, lengthB: u32, counter: f64, blocks: usize,
): void {
  const lastA = lastBlock(dataA, lengthA, blocks);
  const lastB = lastBlock(dataB, lengthB, blocks + 128);
  const counterA = <u64>counter + lengthA;
  const counterB = <u64>counter + lengthB;
  compressPair(stateA, stateB, lastA, lastB, 1, counterA, counterB, 0, -1);
}
`;
}
