import { resolve } from 'node:path';
import { describeError, LongshoreError } from '@longshore/repo';
import {
  estimateSnapshot,
  loadPolicyTree,
  type Estimate,
  type SizeBucket,
} from '@longshore/snapshot';
import { openLocalEntry } from '@longshore/snapshot/node';
import { expandHome } from '../config/config-paths.ts';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, requiredArgument, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { decimal, integer } from '../grammar/value-flags.ts';
import { printable } from '../output/terminal.ts';
import { formatBytes } from '../output/units.ts';

const BITS_PER_MEGABIT = 1_000_000;

export const command: Command = defineCommand({
  summary: 'Say what a snapshot would hold.',
  flags: {
    'show-files': flag('Name some of the files.'),
    quiet: flag('Do not say which folder is looked at.', { short: 'q' }),
    'upload-speed': decimal('Megabits a second, for the time it would take.', {
      placeholder: 'mbit/s',
      default: 10,
    }),
    'max-examples-per-bucket': integer('Name so many of each size.', { default: 10 }),
  },
  args: { source: requiredArgument('A folder.') },
  async run(context, { flags, args }) {
    if (flags['upload-speed'] <= 0) throw new UsageError('--upload-speed must be positive');
    const path = resolve(context.workingDirectory, expandHome(args.source, context.env));
    const root = openLocalEntry(path);
    if (root.type !== 'd') {
      throw new LongshoreError('INVALID_ARGUMENT', `${path} is no folder`, { path });
    }
    const { signal, log } = context;
    await withRepository(context, async ({ repository, identity }) => {
      const { hostName: host, userName } = identity;
      const policy = await loadPolicyTree(repository, { host, userName, path }, { signal });
      const estimate = await estimateSnapshot(root, policy, {
        signal,
        maxExamples: flags['max-examples-per-bucket'],
        onEvent: (event) => {
          const shown = event.path === '' ? '.' : event.path;
          if (event.type === 'directory') {
            if (!flags.quiet) log.info(`Analyzing ${shown}...`);
          } else {
            const kind = event.ignored ? 'Ignored error' : 'Error';
            log.error(`${kind} in ${shown}: ${describeError(event.error)}`);
          }
        },
      });
      printEstimate(context, estimate, flags['show-files']);
      const seconds = Math.trunc(
        (estimate.totalSize * 8) / BITS_PER_MEGABIT / flags['upload-speed'],
      );
      const time = formatGoDuration(BigInt(seconds) * 1_000_000_000n);
      context.print(`\nEstimated upload time: ${time} at ${flags['upload-speed']} Mbit/s\n`);
    });
  },
});

/** Kopia's lines, and one more for what it does not count. */
function printEstimate(context: CommandContext, estimate: Estimate, showFiles: boolean): void {
  const print = (line: string): void => context.print(`${printable(line)}\n`);
  print(
    `Snapshot includes ${estimate.files} file(s), total size ${formatBytes(estimate.totalSize)}`,
  );
  printBuckets(print, estimate.included, showFiles);
  print('');
  if (estimate.excludedFiles > 0) {
    const size = formatBytes(estimate.excludedSize);
    print(`Snapshot excludes ${estimate.excludedFiles} file(s), total size ${size}`);
    printBuckets(print, estimate.excluded, true);
  } else print('Snapshot excludes no files.');
  if (estimate.excludedDirectories > 0) {
    print(`Snapshot excludes ${estimate.excludedDirectories} directories. Examples:`);
    for (const path of estimate.excludedDirectoryExamples) print(` - ${path}`);
  } else print('Snapshot excludes no directories.');
  if (estimate.beyondLimits > 0) {
    print(
      `Snapshot leaves out ${estimate.beyondLimits} entries that are too large or on other file systems.`,
    );
  }
  if (estimate.errors > 0) print(`Encountered ${estimate.errors} error(s).`);
}

function printBuckets(
  print: (line: string) => void,
  buckets: readonly SizeBucket[],
  showFiles: boolean,
): void {
  for (const [index, { minSize, count, totalSize, examples }] of buckets.entries()) {
    if (count === 0) continue;
    const above = buckets[index - 1];
    const least = formatBytes(minSize);
    const range =
      above === undefined
        ? `< ${least.padEnd(6)}`
        : `${least.padEnd(6)}...${formatBytes(above.minSize).padStart(6)}`;
    print(
      `${range.padStart(18)}: ${String(count).padStart(7)} files, total size ${formatBytes(totalSize)}`,
    );
    if (!showFiles) continue;
    for (const { path, size } of examples) print(` - ${path} - ${formatBytes(size)}`);
  }
}
