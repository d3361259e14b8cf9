import { randomFillSync } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { ENCRYPTION_NAMES, HASH_NAMES } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { defineCommand, type Command } from '../grammar/command.ts';
import { refusedFlag } from '../grammar/flag.ts';
import { integer } from '../grammar/value-flags.ts';
import { measure, requireOneThread, requirePositive } from '../output/benchmark.ts';
import { formatBytes } from '../output/units.ts';
import { BENCHMARK_FLAGS } from './benchmark-flags.ts';

const KEY_BYTES = 32;
const RULE = `${'-'.repeat(65)}\n`;

export const command: Command = defineCommand({
  summary: 'Measure each hash of contents together with each cipher.',
  flags: {
    ...BENCHMARK_FLAGS,
    repeat: integer('How often each is measured.', { default: 100 }),
    deprecated: refusedFlag({ isBoolean: true }),
  },
  args: {},
  async run(context, { flags }) {
    const { 'block-size': size, repeat } = flags;
    requireOneThread(flags.parallel);
    requirePositive('--repeat', repeat);
    const block = randomFillSync(new Uint8Array(size));
    const key = randomFillSync(new Uint8Array(KEY_BYTES));
    const algorithms = nativeAlgorithms();
    const results: { options: string; columns: string; bytesPerSecond: number }[] = [];
    for (const hashName of HASH_NAMES) {
      const hash = await algorithms.createHash(hashName, key);
      for (const cipherName of ENCRYPTION_NAMES) {
        await setImmediate();
        context.signal.throwIfAborted();
        context.log.info(
          `Benchmarking hash '${hashName}' and encryption '${cipherName}'... (${repeat} x ${size} bytes)`,
        );
        const cipher = await algorithms.createCipher(cipherName, key);
        const target = new Uint8Array(size + cipher.overhead);
        results.push({
          options: `--block-hash=${hashName} --encryption=${cipherName}`,
          columns: `${hashName.padEnd(20)} ${cipherName.padEnd(30)}`,
          bytesPerSecond: measure(size, repeat, () =>
            cipher.sealInto(block, hash.hash(block), target),
          ),
        });
      }
    }
    results.sort((a, b) => b.bytesPerSecond - a.bytesPerSecond);
    context.print(`     ${'Hash'.padEnd(20)} ${'Encryption'.padEnd(30)} Throughput\n${RULE}`);
    for (const [index, { options, columns, bytesPerSecond }] of results.entries()) {
      const rate = `${formatBytes(bytesPerSecond)} / second`;
      const hint = flags['print-options'] ? `,   ${options}` : '';
      context.print(`${String(index).padStart(3)}. ${columns} ${rate}${hint}\n`);
    }
    context.print(`${RULE}Fastest option for this machine is: ${results[0]?.options}\n`);
  },
});
