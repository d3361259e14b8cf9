/**
 * Source of the RABINKARP search. Candidate `i` is the cut whose 64-byte window is `[window + i, window + i + 64)`; the
 * search returns the first candidate whose hash has no bit of `mask`, or -1.
 *
 * One step multiplies by x^8, reduces, and adds the entering byte and the leaving byte times x^512. The last two do not
 * depend on the state, so the chain from byte to byte is a shift, one lookup and one exclusive or; four blocks are
 * interleaved to hide the latency of that lookup. A hit in any block is searched again one byte at a time from the position
 * of the first block, which finds the first hit in stream order.
 */

const WINDOW = 64;
const LANES = [0, 1, 2, 3] as const;
const UNROLL = 4;
/** Bytes per lane: the large one for the bulk, the small one for what the large one leaves over. */
const BLOCKS = [2048, 256] as const;
/** Where the table of the leaving bytes follows the table of the reduction. */
const LEAVING = 2048;

export function generate(): string {
  return [STEPS, ...BLOCKS.map(searchBlocks), SEARCH].join('\n');
}

const STEPS = `
function prime(window: usize, tables: usize): u64 {
  let v: u64 = 0;
  for (let i: usize = 0; i < ${WINDOW}; i++) {
    v = (v << 8) ^ load<u64>(tables + (<usize>(v >> 45) << 3)) ^ load<u8>(window + i);
  }
  return v;
}

function bytewise(window: usize, candidates: i32, mask: u64, tables: usize): i32 {
  let v = prime(window, tables);
  for (let i = 0; i < candidates; i++) {
    if ((v & mask) == 0) return i;
    if (i + 1 == candidates) break;
    const p = window + <usize>i;
    v = (v << 8) ^ load<u64>(tables + (<usize>(v >> 45) << 3)) ^ load<u8>(p, ${WINDOW})
      ^ load<u64>(tables + (<usize>load<u8>(p) << 3), ${LEAVING});
  }
  return -1;
}
`;

/** Searches candidates 1 to 4 * block: the last of one lane is where the next lane was primed. */
function searchBlocks(block: number): string {
  const steps = Array.from({ length: UNROLL }, (_, index) => index).flatMap((index) =>
    LANES.map((lane) => {
      const offset = lane * block + index;
      return `
    v${lane} = (v${lane} << 8) ^ load<u64>(tables + (<usize>(v${lane} >> 45) << 3))
      ^ (load<u64>(tables + (<usize>load<u8>(p, ${offset}) << 3), ${LEAVING}) ^ load<u8>(p, ${offset + WINDOW}));
    if ((v${lane} & mask) == 0) break;`;
    }),
  );
  return `
function blocks${block}(window: usize, mask: u64, tables: usize): i32 {
${LANES.map((lane) => `  let v${lane} = prime(window + ${lane * block}, tables);`).join('\n')}
  let p = window;
  while (true) {${steps.join('')}
    p += ${UNROLL};
    if (p == window + ${block}) return -1;
  }
  const passed = <i32>(p - window);
  return passed + 1 + bytewise(p + 1, ${4 * block} - passed, mask, tables);
}
`;
}

const SEARCH = `
/** \`tables\` are 256 uint64 of the reduction followed by 256 uint64 of the leaving bytes. */
export function search(window: usize, candidates: i32, mask: u32, tables: usize): i32 {
  if (candidates == 0) return -1;
  if ((<u32>prime(window, tables) & mask) == 0) return 0;
  let done = 1;
${BLOCKS.map(
  (block) => `  while (candidates - done >= ${4 * block}) {
    const hit = blocks${block}(window + <usize>(done - 1), <u64>mask, tables);
    if (hit >= 0) return done - 1 + hit;
    done += ${4 * block};
  }`,
).join('\n')}
  if (done == candidates) return -1;
  const hit = bytewise(window + <usize>done, candidates - done, <u64>mask, tables);
  return hit < 0 ? -1 : done + hit;
}
`;
