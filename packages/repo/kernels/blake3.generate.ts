import { blake3Schedule, eachWord, unrolledRounds, type WordSyntax } from './blake-rounds.ts';

const IV = ['0x6a09e667', '0xbb67ae85', '0x3c6ef372', '0xa54ff53a'];
const ROTATIONS = [16, 12, 8, 7] as const;
const SCHEDULE = blake3Schedule();

const SCALAR: WordSyntax = {
  add: (a, b) => `(${a} + ${b})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  rotateRight: (a, count) => `rotr<u32>(${a}, ${count})`,
};

const FOUR: WordSyntax = {
  add: (a, b) => `i32x4.add(${a}, ${b})`,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  rotateRight: (a, count) => `rotr${count}(${a})`,
};

/** A rotation by whole bytes as a byte shuffle, within each quarter of the vector. */
function byteRotation(bits: number): string {
  const lanes = Array.from({ length: 16 }, (_, i) => (i & 12) + (((i & 3) + bits / 8) & 3));
  return `v128.shuffle<u8>(x, x, ${lanes.join(', ')})`;
}

function shiftRotation(bits: number): string {
  return `v128.or(i32x4.shr_u(x, ${bits}), i32x4.shl(x, ${32 - bits}))`;
}

/** Four vectors `in` of consecutive words of inputs 0 to 3 become four vectors `out`, one per word. */
function transposed(ins: readonly string[], outs: readonly string[], temporary: string): string {
  const [a, b, c, d] = ins;
  const t = (i: number): string => `${temporary}${i}`;
  return [
    `const ${t(0)} = v128.shuffle<u32>(${a}, ${b}, 0, 4, 1, 5);`,
    `const ${t(1)} = v128.shuffle<u32>(${a}, ${b}, 2, 6, 3, 7);`,
    `const ${t(2)} = v128.shuffle<u32>(${c}, ${d}, 0, 4, 1, 5);`,
    `const ${t(3)} = v128.shuffle<u32>(${c}, ${d}, 2, 6, 3, 7);`,
    `const ${outs[0]} = v128.shuffle<u64>(${t(0)}, ${t(2)}, 0, 2);`,
    `const ${outs[1]} = v128.shuffle<u64>(${t(0)}, ${t(2)}, 1, 3);`,
    `const ${outs[2]} = v128.shuffle<u64>(${t(1)}, ${t(3)}, 0, 2);`,
    `const ${outs[3]} = v128.shuffle<u64>(${t(1)}, ${t(3)}, 1, 3);`,
  ]
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Loads 16 words of each of four blocks as \`m0\` to \`m15\`. */
const MESSAGE_OF_FOUR = [0, 1, 2, 3]
  .map((quarter) => {
    const loads = [0, 1, 2, 3].map((input) => `v128.load(in${input}, ${16 * quarter})`);
    const words = [0, 1, 2, 3].map((i) => `m${4 * quarter + i}`);
    return transposed(loads, words, `q${quarter}_`);
  })
  .join('\n');

/**
 * AssemblyScript source of keyed BLAKE3: four chunks or four parents per vector, a scalar form for what is
 * left over. Chunks are taken in groups of 64, whose 64 chaining values are merged level by level.
 */
export function generate(): string {
  return `
// Layout of the context, in bytes. The caller writes the key and reads the output.
const KEY: usize = 0;
const OUTPUT: usize = 32;
const BLOCK: usize = 64;
const STACK: usize = 128;      // 32 chaining values: subtrees of groups, left to right
const VALUES: usize = 1152;    // 64 + 4 chaining values: a group before it is merged

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;
const KEYED: u32 = 16;

@inline function rotr16(x: v128): v128 { return ${byteRotation(16)}; }
@inline function rotr12(x: v128): v128 { return ${shiftRotation(12)}; }
@inline function rotr8(x: v128): v128 { return ${byteRotation(8)}; }
@inline function rotr7(x: v128): v128 { return ${shiftRotation(7)}; }

// One block into the chaining value at from; the result goes to to.
function compress(from: usize, data: usize, length: u32, counter: u32, flags: u32, to: usize): void {
${eachWord(8, (i) => `let v${i} = load<u32>(from, ${4 * i});`)}
${eachWord(4, (i) => `let v${8 + i}: u32 = ${IV[i]};`)}
    let v12 = counter;
    let v13: u32 = 0;
    let v14 = length;
    let v15 = flags;
${unrolledRounds({
  syntax: SCALAR,
  schedule: SCHEDULE,
  rotations: ROTATIONS,
  message: (i) => `load<u32>(data, ${4 * i})`,
})}
${eachWord(8, (i) => `store<u32>(to, v${i} ^ v${i + 8}, ${4 * i});`)}
}

// Four inputs of the same number of whole blocks, hashed from the key to four chaining values at to.
function compressFour(
  key: usize, in0: usize, in1: usize, in2: usize, in3: usize, blocks: u32,
  counters: v128, flags: u32, firstFlag: u32, lastFlag: u32, to: usize,
): void {
${eachWord(8, (i) => `let h${i} = v128.load_splat<u32>(key, ${4 * i});`)}
  flags |= firstFlag;
  for (; blocks != 0; blocks--) {
    if (blocks == 1) flags |= lastFlag;
${eachWord(8, (i) => `let v${i} = h${i};`)}
${eachWord(4, (i) => `let v${8 + i} = i32x4.splat(${IV[i]});`)}
    let v12 = counters;
    let v13 = i32x4.splat(0);
    let v14 = i32x4.splat(64);
    let v15 = i32x4.splat(flags);
${MESSAGE_OF_FOUR}
${unrolledRounds({
  syntax: FOUR,
  schedule: SCHEDULE,
  rotations: ROTATIONS,
  message: (i) => `m${i}`,
})}
${eachWord(8, (i) => `h${i} = v128.xor(v${i}, v${i + 8});`)}
    flags &= ~firstFlag;
    in0 += 64;
    in1 += 64;
    in2 += 64;
    in3 += 64;
  }
${transposed(['h0', 'h1', 'h2', 'h3'], ['a0', 'a1', 'a2', 'a3'], 'x')}
${transposed(['h4', 'h5', 'h6', 'h7'], ['b0', 'b1', 'b2', 'b3'], 'y')}
${eachWord(4, (i) => `v128.store(to, a${i}, ${32 * i}); v128.store(to, b${i}, ${32 * i + 16});`)}
}

// One chunk of 0 to 1024 bytes.
function hashChunk(context: usize, data: usize, length: u32, counter: u32, rootFlag: u32, to: usize): void {
  let from = context + KEY;
  let flags = KEYED | CHUNK_START;
  for (; length > 64; length -= 64) {
    compress(from, data, 64, counter, flags, to);
    from = to;
    flags = KEYED;
    data += 64;
  }
  const block = context + BLOCK;
  memory.fill(block, 0, 64);
  memory.copy(block, data, length);
  compress(from, block, length, counter, flags | CHUNK_END | rootFlag, to);
}

// The chunks of 1 to 65536 bytes to as many values; returns their number. Up to three values beyond are overwritten.
function hashChunks(context: usize, data: usize, length: u32, firstChunk: u32): u32 {
  const whole = length >> 10;
  const values = context + VALUES;
  let i: u32 = 0;
  while (whole - i >= 2) {
    const last = whole - i - 1;
    const at = data + (i << 10);
    const counters = i32x4.add(i32x4.splat(firstChunk + i), i32x4(0, 1, 2, 3));
    // Lanes without a chunk of their own repeat the last one.
    compressFour(
      context + KEY, at, at + 1024, at + (min<u32>(2, last) << 10), at + (min<u32>(3, last) << 10),
      16, counters, KEYED, CHUNK_START, CHUNK_END, values + (i << 5),
    );
    i += min<u32>(4, last + 1);
  }
  for (; i << 10 < length; i++) {
    const chunkLength = min<u32>(1024, length - (i << 10));
    hashChunk(context, data + (i << 10), chunkLength, firstChunk + i, 0, values + (i << 5));
  }
  return i;
}

@inline function hashParent(context: usize, children: usize, rootFlag: u32, to: usize): void {
  compress(context + KEY, children, 64, 0, KEYED | PARENT | rootFlag, to);
}

// Merges neighbours level by level, an odd last one rising as it is, until no more than most values are left.
function mergeValues(context: usize, count: u32, most: u32): void {
  const values = context + VALUES;
  while (count > most) {
    const pairs = count >> 1;
    let i: u32 = 0;
    while (pairs - i >= 2) {
      const last = pairs - i - 1;
      const at = values + (i << 6);
      compressFour(
        context + KEY, at, at + 64, at + (min<u32>(2, last) << 6), at + (min<u32>(3, last) << 6),
        1, i32x4.splat(0), KEYED | PARENT, 0, 0, values + (i << 5),
      );
      i += min<u32>(4, last + 1);
    }
    if (i < pairs) hashParent(context, values + (i << 6), 0, values + (i << 5));
    if (count & 1) memory.copy(values + (pairs << 5), values + ((count - 1) << 5), 32);
    count = pairs + (count & 1);
  }
}

// Adds whole groups of 64 chunks that are not the end of the input; groupsBefore of them were added before.
export function update(context: usize, data: usize, groups: u32, groupsBefore: u32): void {
  for (; groups != 0; groups--) {
    mergeValues(context, hashChunks(context, data, 65536, groupsBefore << 6), 1);
    let top = context + STACK + (popcnt<u32>(groupsBefore) << 5);
    memory.copy(top, context + VALUES, 32);
    groupsBefore++;
    // As many whole subtrees of equal size end here as there are trailing zeros.
    for (let merges = ctz<u32>(groupsBefore); merges != 0; merges--) {
      top -= 32;
      hashParent(context, top, 0, top);
    }
    data += 65536;
  }
}

// The rest of the input, then the digest to the output of the context.
export function finish(context: usize, data: usize, length: u32, groupsBefore: u32): void {
  const output = context + OUTPUT;
  const groups = length == 0 ? 0 : (length - 1) >> 16;
  update(context, data, groups, groupsBefore);
  data += groups << 16;
  length -= groups << 16;
  groupsBefore += groups;
  if (groupsBefore == 0) {
    if (length <= 1024) {
      hashChunk(context, data, length, 0, ROOT, output);
    } else {
      mergeValues(context, hashChunks(context, data, length, 0), 2);
      hashParent(context, context + VALUES, ROOT, output);
    }
    return;
  }
  mergeValues(context, hashChunks(context, data, length, groupsBefore << 6), 1);
  const stack = context + STACK;
  let depth = popcnt<u32>(groupsBefore);
  memory.copy(stack + (depth << 5), context + VALUES, 32);
  for (; depth > 1; depth--) {
    const children = stack + ((depth - 1) << 5);
    hashParent(context, children, 0, children);
  }
  hashParent(context, stack, ROOT, output);
}
`;
}
