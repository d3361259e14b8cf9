/**
 * Source of the BUZHASH search. Candidate `i` is the cut whose 64-byte window is `[window + i, window + i + 64)`; the
 * search returns the first candidate whose hash has no bit of `mask`, or -1.
 *
 * Positions are independent, so four blocks lie side by side in the lanes of one vector. P is the recurrence without a
 * window; since 64 is a multiple of the word size, the windowed hash is P(k) xor P(k - 64), where a ring keeps the last
 * 64 vectors P. A group of positions that holds a hit in any lane is searched again one byte at a time, which finds the
 * first hit in stream order.
 */

const WINDOW = 64;
const LANES = [0, 1, 2, 3] as const;
/** Positions between two looks at the collected minimum. */
const GROUP = 16;
/** Bytes per lane: the large one for the bulk, the small one for what the large one leaves over. */
const BLOCKS = [2048, 256] as const;

export function generate(): string {
  return [SEARCH_BYTEWISE, ...BLOCKS.map(searchBlocks), SEARCH].join('\n');
}

const SEARCH_BYTEWISE = `
function bytewise(window: usize, candidates: i32, mask: u32, table: usize): i32 {
  let h: u32 = 0;
  for (let i: usize = 0; i < ${WINDOW}; i++) {
    h = rotl<u32>(h, 1) ^ load<u32>(table + (<usize>load<u8>(window + i) << 2));
  }
  for (let i = 0; i < candidates; i++) {
    if ((h & mask) == 0) return i;
    if (i + 1 == candidates) break;
    const p = window + <usize>i;
    h = rotl<u32>(h, 1) ^ load<u32>(table + (<usize>load<u8>(p) << 2))
      ^ load<u32>(table + (<usize>load<u8>(p, ${WINDOW}) << 2));
  }
  return -1;
}
`;

/** `P = rotl(P, 1) xor T[next byte of each lane]`. */
function step(block: number, offset: number): string {
  const entry = (lane: number): string =>
    `table + (<usize>load<u8>(p, ${lane * block + offset}) << 2)`;
  const lanes = LANES.slice(1).map(
    (lane) => `t = v128.load_lane<u32>(${entry(lane)}, t, ${lane});`,
  );
  return `
    t = v128.load_zero<u32>(${entry(0)});
    ${lanes.join('\n    ')}
    state = v128.xor(v128.or(i32x4.shl(state, 1), i32x4.shr_u(state, 31)), t);`;
}

/** Searches 4 * block candidates. */
function searchBlocks(block: number): string {
  const prime = Array.from({ length: 3 }, (_, index) => index).map(
    (index) => `${step(block, index)}
    v128.store(r, state, ${16 * index});`,
  );
  const group = Array.from({ length: GROUP }, (_, index) => index).map(
    (index) => `${step(block, index)}
    least = i32x4.min_u(least, v128.and(v128.xor(state, v128.load(r, ${16 * index})), masks));
    v128.store(r, state, ${16 * index});`,
  );
  return `
function blocks${block}(window: usize, mask: u32, table: usize, ring: usize): i32 {
  const masks = i32x4.splat(<i32>mask);
  let state = i32x4.splat(0);
  let t = state;
  // The ring holds P(k) at k mod ${WINDOW}, P(0) being zero.
  v128.store(ring, state);
  let p = window;
  let r = ring + 16;
  while (p < window + ${WINDOW - 1}) {${prime.join('')}
    p += 3;
    r += ${16 * 3};
  }
  for (let i = 0; i < ${block}; i += ${GROUP}) {
    r = ring + <usize>((i & ${WINDOW - 1}) << 4);
    let least = i32x4.splat(-1);${group.join('')}
    if (!i32x4.all_true(least)) return i + bytewise(window + <usize>i, ${4 * block} - i, mask, table);
    p += ${GROUP};
  }
  return -1;
}
`;
}

const SEARCH = `
/** \`scratch\` is the table of 256 uint32 followed by ${WINDOW} vectors of working space. */
export function search(window: usize, candidates: i32, mask: u32, scratch: usize): i32 {
  const ring = scratch + 1024;
  let done = 0;
${BLOCKS.map(
  (block) => `  while (candidates - done >= ${4 * block}) {
    const hit = blocks${block}(window + <usize>done, mask, scratch, ring);
    if (hit >= 0) return done + hit;
    done += ${4 * block};
  }`,
).join('\n')}
  if (done == candidates) return -1;
  const hit = bytewise(window + <usize>done, candidates - done, mask, scratch);
  return hit < 0 ? -1 : done + hit;
}
`;
