import type { Flags } from '../grammar/flag.ts';
import { flag } from '../grammar/flag.ts';
import { byteSize, integer } from '../grammar/value-flags.ts';

const MEBIBYTE = 2 ** 20;

/** Flags of benchmarks that repeat one operation on one block. */
export const BENCHMARK_FLAGS = {
  'block-size': byteSize('Size of a block.', { default: MEBIBYTE }),
  parallel: integer('Threads; longshore measures one.', { default: 1 }),
  'print-options': flag('End with the flag that chooses the fastest.'),
} as const satisfies Flags;
