import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  COMPRESSION_HEADER_IDS,
  equalBytes,
  LongshoreError,
  type CompressorName,
} from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { expandHome } from '../config/config-paths.ts';
import { errnoOf } from '../config/errno.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, oneOf, text } from '../grammar/value-flags.ts';
import { measure, requireOneThread } from '../output/benchmark.ts';
import { formatBytes, formatRate } from '../output/units.ts';

/** Without --repeat each algorithm gets through about so much. */
const DEFAULT_TOTAL_BYTES = 64 * 2 ** 20;
const MAX_FILE_BYTES = 2 ** 30;

interface CompressionResult {
  readonly name: string;
  readonly compressedLength: number;
  readonly compressing: number | undefined;
  readonly decompressing: number | undefined;
}

export const command: Command = defineCommand({
  summary: 'Measure the compression of a file.',
  flags: {
    'data-file': text('The file.', { required: true }),
    repeat: integer('How often each is measured; 0: for long enough.', { default: 0 }),
    operations: oneOf(['compress', 'decompress', 'both'])('What is measured.', { default: 'both' }),
    'by-size': flag('Sort by compressed size.'),
    'verify-stable': flag('Check that compressing again gives the same bytes.'),
    'print-options': flag('End with the flag that chooses the first of the table.'),
    algorithms: text('Only these, separated by commas.', { default: '' }),
    parallel: integer('Threads; longshore measures one.', { default: 1 }),
    deprecated: refusedFlag({ isBoolean: true }),
    'by-alloc': refusedFlag({ isBoolean: true }),
  },
  args: {},
  async run(context, { flags }) {
    requireOneThread(flags.parallel);
    const data = readData(context, flags['data-file']);
    const repeat =
      flags.repeat > 0
        ? flags.repeat
        : Math.max(1, Math.ceil(DEFAULT_TOTAL_BYTES / Math.max(1, data.length)));
    context.log.info(`Compressing ${formatBytes(data.length)}, ${repeat} times each.`);
    const algorithms = nativeAlgorithms();
    const results: CompressionResult[] = [];
    for (const name of chosenAlgorithms(flags.algorithms)) {
      context.signal.throwIfAborted();
      const compressor = algorithms.compressor(name);
      const { compress } = compressor;
      if (compress === undefined) continue;
      context.log.info(`Benchmarking compressor '${name}'...`);
      const compressed = compress(data);
      if (flags['verify-stable'] && !equalBytes(compressed, compress(data))) {
        throw new LongshoreError('CORRUPT_DATA', `${name} compresses the same data differently`);
      }
      const decompress = (): Uint8Array => compressor.decompress(compressed, data.length, name);
      if (!equalBytes(decompress(), data)) {
        throw new LongshoreError('CORRUPT_DATA', `${name} does not give the data back`);
      }
      results.push({
        name,
        compressedLength: compressed.length,
        compressing:
          flags.operations === 'decompress'
            ? undefined
            : measure(data.length, repeat, () => void compress(data)),
        decompressing:
          flags.operations === 'compress'
            ? undefined
            : measure(data.length, repeat, () => void decompress()),
      });
    }
    const sorted = results.toSorted((a, b) =>
      flags['by-size'] ? a.compressedLength - b.compressedLength : speed(b) - speed(a),
    );
    printTable(context, sorted);
    if (flags['print-options']) {
      context.print(`First option of the table: --compression=${sorted[0]?.name}\n`);
    }
  },
});

function speed({ compressing, decompressing }: CompressionResult): number {
  return compressing ?? decompressing ?? 0;
}

function chosenAlgorithms(list: string): readonly CompressorName[] {
  const known = Object.keys(COMPRESSION_HEADER_IDS) as CompressorName[];
  if (list === '') return known;
  return list.split(',').map((given) => {
    const name = known.find((candidate) => candidate === given.trim());
    if (name === undefined) {
      throw new UsageError(`--algorithms: there is no compression ${JSON.stringify(given)}`);
    }
    return name;
  });
}

function readData(context: CommandContext, given: string): Uint8Array {
  const path = resolve(context.workingDirectory, expandHome(given, context.env));
  try {
    const data = readFileSync(path);
    if (data.length > MAX_FILE_BYTES) throw new UsageError('--data-file takes at most 1 GiB');
    return data;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--data-file: cannot read ${path} (${errnoOf(error)})`);
  }
}

function printTable(context: CommandContext, results: readonly CompressionResult[]): void {
  context.print(
    `     Compression                Compressed   Compress     Decompress\n${'-'.repeat(68)}\n`,
  );
  for (const [index, result] of results.entries()) {
    const { name, compressedLength, compressing, decompressing } = result;
    const fields = [
      `${String(index).padStart(3)}. ${name.padEnd(26)}`,
      formatBytes(compressedLength).padEnd(12),
      rate(compressing),
      rate(decompressing),
    ];
    context.print(`${fields.join(' ').trimEnd()}\n`);
  }
}

function rate(bytesPerSecond: number | undefined): string {
  return (bytesPerSecond === undefined ? '-' : formatRate(bytesPerSecond)).padEnd(12);
}
