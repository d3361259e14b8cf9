import { blake2Schedule, eachWord, unrolledRounds, type WordSyntax } from './blake-rounds.ts';

const IV = [
  '0x6a09e667',
  '0xbb67ae85',
  '0x3c6ef372',
  '0xa54ff53a',
  '0x510e527f',
  '0x9b05688c',
  '0x1f83d9ab',
  '0x5be0cd19',
];

const SCALAR: WordSyntax = {
  add: (a, b) => `(${a} + ${b})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  rotateRight: (a, count) => `rotr<u32>(${a}, ${count})`,
};

/** AssemblyScript source of the BLAKE2s kernel (RFC 7693, keyed or not; the caller prepares the state). */
export function generate(): string {
  return `
// Compresses whole blocks into the eight words at state. counter: bytes hashed before; flag: all ones in the
// last block of a message. step: what the counter grows by before each block.
function compress(state: usize, data: usize, blocks: u32, counter: u64, step: u64, flag: u32): void {
${eachWord(8, (i) => `let h${i} = load<u32>(state, ${4 * i});`)}
  for (; blocks != 0; blocks--) {
    counter += step;
${eachWord(8, (i) => `let v${i} = h${i};`)}
${eachWord(8, (i) => `let v${i + 8}: u32 = ${IV[i]};`)}
    v12 ^= <u32>counter;
    v13 ^= <u32>(counter >> 32);
    v14 ^= flag;
${unrolledRounds({
  syntax: SCALAR,
  schedule: blake2Schedule(10),
  rotations: [16, 12, 8, 7],
  message: (i) => `load<u32>(data, ${4 * i})`,
})}
${eachWord(8, (i) => `h${i} ^= v${i} ^ v${i + 8};`)}
    data += 64;
  }
${eachWord(8, (i) => `store<u32>(state, h${i}, ${4 * i});`)}
}

export function update(state: usize, data: usize, length: u32, counter: f64): void {
  compress(state, data, length >> 6, <u64>counter, 64, 0);
}

// block: 64 bytes of scratch, where the last block is padded with zeros unless it is a whole one.
export function finish(state: usize, data: usize, length: u32, counter: f64, block: usize): void {
  const blocks = length == 0 ? 0 : (length - 1) >> 6;
  const rest = length - (blocks << 6);
  compress(state, data, blocks, <u64>counter, 64, 0);
  let last = data + (blocks << 6);
  if (rest != 64) {
    memory.fill(block, 0, 64);
    memory.copy(block, last, rest);
    last = block;
  }
  compress(state, last, 1, <u64>counter + length, 0, -1);
}
`;
}
