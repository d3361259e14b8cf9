import { createSplitter, loadSplitterKernels, SPLITTER_NAMES } from '@longshore/chunker';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { byteSize, integer } from '../grammar/value-flags.ts';
import { requireOneThread, requirePositive } from '../output/benchmark.ts';
import { seededBytes } from '../output/seeded-bytes.ts';
import { formatRate } from '../output/units.ts';

const DEFAULT_DATA_SIZE = 32 * 2 ** 20;

interface SplitResult {
  readonly name: string;
  readonly bytesPerSecond: number;
  /** Lengths of the segments, ascending. */
  readonly lengths: readonly number[];
}

export const command: Command = defineCommand({
  summary: 'Measure the splitters of files.',
  flags: {
    'rand-seed': integer('Seed of the data.', { default: 42 }),
    'data-size': byteSize('Size of a block of data.', { default: DEFAULT_DATA_SIZE }),
    'block-count': integer('Blocks to split.', { default: 16 }),
    'print-options': flag('End with the flag that chooses the fastest.'),
    parallel: integer('Threads; longshore measures one.', { default: 1 }),
  },
  args: {},
  async run(context, { flags }) {
    const { 'data-size': size, 'block-count': count } = flags;
    requireOneThread(flags.parallel);
    requirePositive('--block-count', count);
    requirePositive('--data-size', size);
    context.log.info(`splitting ${count} blocks of ${size} bytes each`);
    const block = seededBytes(size, flags['rand-seed']);
    const kernels = await loadSplitterKernels();
    const results: SplitResult[] = [];
    for (const name of [...SPLITTER_NAMES].sort()) {
      context.signal.throwIfAborted();
      const result = splitBlocks(name, createSplitter(name, { kernels }), block, count);
      results.push(result);
      context.print(`${resultLine(result)}\n`);
    }
    const fastest = results
      .filter(({ name }) => name.startsWith('DYNAMIC-'))
      .toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond)[0];
    if (flags['print-options']) {
      context.print(`Fastest option for this machine is: --object-splitter=${fastest?.name}\n`);
    }
  },
});

function splitBlocks(
  name: string,
  splitter: ReturnType<typeof createSplitter>,
  block: Uint8Array,
  count: number,
): SplitResult {
  const lengths: number[] = [];
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    splitter.reset();
    for (let position = 0; position < block.length;) {
      const cut = splitter.nextSplitPoint(block.subarray(position));
      const length = cut < 0 ? block.length - position : cut;
      lengths.push(length);
      position += length;
    }
  }
  const seconds = Math.max((performance.now() - start) / 1000, 1e-9);
  return {
    name,
    bytesPerSecond: (block.length * count) / seconds,
    lengths: lengths.sort((a, b) => a - b),
  };
}

function resultLine({ name, bytesPerSecond, lengths }: SplitResult): string {
  const at = (percent: number): number =>
    lengths[Math.min(lengths.length - 1, Math.floor((lengths.length * percent) / 100))] ?? 0;
  const percentiles = [10, 25, 50, 75, 90].map((percent) => `${percent}th:${at(percent)}`);
  return [
    name.padEnd(25),
    formatRate(bytesPerSecond).padStart(12),
    `count:${lengths.length}`,
    `min:${at(0)}`,
    ...percentiles,
    `max:${at(100)}`,
  ].join(' ');
}
