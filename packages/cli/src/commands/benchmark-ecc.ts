import { setImmediate } from 'node:timers/promises';
import { createErrorCorrection, ECC_NAMES, equalBytes, LongshoreError } from '@longshore/repo';
import { defineCommand, type Command } from '../grammar/command.ts';
import { byteSize, integer } from '../grammar/value-flags.ts';
import { measure, requireOneThread, requirePositive } from '../output/benchmark.ts';
import { formatBytes } from '../output/units.ts';
import { BENCHMARK_FLAGS } from './benchmark-flags.ts';

const DEFAULT_BLOCK_SIZE = 10 * 2 ** 20;
const OVERHEAD_PERCENTS = [1, 2, 5, 10, 20] as const;
const RULE = `${'-'.repeat(87)}\n`;

interface EccResult {
  readonly name: string;
  readonly percent: number;
  readonly encoding: number;
  readonly decoding: number;
  readonly storedLength: number;
}

export const command: Command = defineCommand({
  summary: 'Measure error correction.',
  details: 'What is decoded lacks one shard of data in each block, so that it has to be mended.',
  flags: {
    ...BENCHMARK_FLAGS,
    'block-size': byteSize('Size of a block.', { default: DEFAULT_BLOCK_SIZE }),
    repeat: integer('How often each is measured.', { default: 100 }),
  },
  args: {},
  async run(context, { flags }) {
    const { 'block-size': size, repeat } = flags;
    requireOneThread(flags.parallel);
    requirePositive('--repeat', repeat);
    requirePositive('--block-size', size);
    const block = Uint8Array.from({ length: size }, (_, i) => (i % 255) + 1);
    const results: EccResult[] = [];
    for (const name of ECC_NAMES) {
      for (const percent of OVERHEAD_PERCENTS) {
        await setImmediate();
        context.signal.throwIfAborted();
        context.log.info(
          `Benchmarking ECC '${name}' with ${percent}% of overhead... (${repeat} x ${size} bytes)`,
        );
        results.push({ name, percent, ...measureCorrection(percent, block, repeat) });
      }
    }
    results.sort((a, b) => slower(b) - slower(a));
    context.print(
      `     ${'ECC'.padEnd(30)} ${'Throughput'.padStart(14)} ${'Throughput'.padStart(14)}   ${'Growth'.padStart(10)}\n` +
        `     ${''.padEnd(30)} ${'Encoding'.padStart(14)} ${'Decoding'.padStart(14)}\n${RULE}`,
    );
    for (const [index, result] of results.entries()) {
      const hint = flags['print-options'] ? `,   ${optionsOf(result)}` : '';
      context.print(`${String(index).padStart(3)}. ${rowOf(result, size)}${hint}\n`);
    }
    context.print(`${RULE}Fastest option for this machine is: ${optionsOf(results[0]!)}\n`);
  },
});

function measureCorrection(
  percent: number,
  block: Uint8Array,
  repeat: number,
): Omit<EccResult, 'name' | 'percent'> {
  const correction = createErrorCorrection(percent);
  const stored = new Uint8Array(correction.encodedLength(block.length));
  const encoding = measure(block.length, repeat, () => correction.encodeInto(block, stored));
  for (const shard of correction.firstDataShards(stored.length)) stored[shard]! ^= 0xff;
  const decode = (): ReturnType<typeof correction.decode> => correction.decode(stored, 'a block');
  const { data, repaired } = decode();
  if (!repaired || !equalBytes(data, block)) {
    throw new LongshoreError('CORRUPT_DATA', `error correction of ${percent}% does not mend`);
  }
  const decoding = measure(block.length, repeat, () => void decode());
  return { encoding, decoding, storedLength: stored.length };
}

function slower({ encoding, decoding }: EccResult): number {
  return Math.min(encoding, decoding);
}

function optionsOf({ name, percent }: EccResult): string {
  return `--ecc=${name} --ecc-overhead-percent=${percent}`;
}

function rowOf(
  { name, percent, encoding, decoding, storedLength }: EccResult,
  size: number,
): string {
  const growth = Math.round((storedLength / size - 1) * 100);
  return [
    `${name} - ${percent}%`.padEnd(30),
    `${formatBytes(encoding).padStart(12)}/s`,
    `${formatBytes(decoding).padStart(12)}/s`,
    ` ${String(growth).padStart(7)}% [${formatBytes(storedLength)}]`,
  ].join(' ');
}
