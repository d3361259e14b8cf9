import { randomFillSync } from 'node:crypto';
import { HASH_NAMES } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { defineCommand, type Command } from '../grammar/command.ts';
import { integer } from '../grammar/value-flags.ts';
import {
  measure,
  printMeasurements,
  requireOneThread,
  requirePositive,
  type Measurement,
} from '../output/benchmark.ts';
import { BENCHMARK_FLAGS } from './benchmark-flags.ts';

const SECRET_BYTES = 32;

export const command: Command = defineCommand({
  summary: 'Measure the hashes of contents.',
  flags: { ...BENCHMARK_FLAGS, repeat: integer('How often each is measured.', { default: 100 }) },
  args: {},
  async run(context, { flags }) {
    const { 'block-size': size, repeat } = flags;
    requireOneThread(flags.parallel);
    requirePositive('--repeat', repeat);
    const block = randomFillSync(new Uint8Array(size));
    const secret = randomFillSync(new Uint8Array(SECRET_BYTES));
    const algorithms = nativeAlgorithms();
    const measurements: Measurement[] = [];
    for (const name of HASH_NAMES) {
      context.signal.throwIfAborted();
      context.log.info(`Benchmarking hash '${name}' (${repeat} x ${size} bytes)`);
      const hash = await algorithms.createHash(name, secret);
      const bytesPerSecond = measure(size, repeat, () => void hash.hash(block));
      measurements.push({ name, bytesPerSecond });
    }
    const [fastest] = printMeasurements(context, 'Hash', 20, measurements);
    if (flags['print-options']) {
      context.print(`Fastest option for this machine is: --block-hash=${fastest?.name}\n`);
    }
  },
});
