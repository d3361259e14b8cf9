import { randomFillSync } from 'node:crypto';
import { ENCRYPTION_NAMES } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { defineCommand, type Command } from '../grammar/command.ts';
import { refusedFlag } from '../grammar/flag.ts';
import { integer } from '../grammar/value-flags.ts';
import {
  measure,
  printMeasurements,
  requireOneThread,
  requirePositive,
  type Measurement,
} from '../output/benchmark.ts';
import { BENCHMARK_FLAGS } from './benchmark-flags.ts';

const KEY_BYTES = 32;
const IV_BYTES = 16;

export const command: Command = defineCommand({
  summary: 'Measure the ciphers of contents.',
  flags: {
    ...BENCHMARK_FLAGS,
    repeat: integer('How often each is measured.', { default: 1000 }),
    deprecated: refusedFlag({ isBoolean: true }),
  },
  args: {},
  async run(context, { flags }) {
    const { 'block-size': size, repeat } = flags;
    requireOneThread(flags.parallel);
    requirePositive('--repeat', repeat);
    const block = randomFillSync(new Uint8Array(size));
    const key = randomFillSync(new Uint8Array(KEY_BYTES));
    const iv = randomFillSync(new Uint8Array(IV_BYTES));
    const algorithms = nativeAlgorithms();
    const measurements: Measurement[] = [];
    for (const name of ENCRYPTION_NAMES) {
      context.signal.throwIfAborted();
      context.log.info(`Benchmarking encryption '${name}'... (${repeat} x ${size} bytes)`);
      const cipher = await algorithms.createCipher(name, key);
      const target = new Uint8Array(size + cipher.overhead);
      const bytesPerSecond = measure(size, repeat, () => cipher.sealInto(block, iv, target));
      measurements.push({ name, bytesPerSecond });
    }
    const [fastest] = printMeasurements(context, 'Encryption', 30, measurements);
    if (flags['print-options']) {
      context.print(`Fastest option for this machine is: --encryption=${fastest?.name}\n`);
    }
  },
});
