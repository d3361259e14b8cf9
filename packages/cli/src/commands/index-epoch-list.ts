import {
  createIndexInspector,
  LongshoreError,
  NANOSECONDS_PER_SECOND,
  writeEpochStart,
  type BlobMetadata,
  type EpochNanoseconds,
  type EpochSnapshot,
} from '@longshore/repo';
import { withFormat } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { formatBytes } from '../output/units.ts';

export const command: Command = defineCommand({
  summary: 'List the epochs of the index and what has been merged of them.',
  flags: {},
  args: {},
  async run(context) {
    const { signal } = context;
    await withFormat(context, async ({ formatManager, storage }) => {
      const inspector = await createIndexInspector({ storage, formatManager });
      const snapshot = await inspector.epochs({ signal });
      if (snapshot === undefined) {
        throw new LongshoreError(
          'UNSUPPORTED',
          'this repository has no epochs: "longshore repository upgrade" introduces them',
        );
      }
      printEpochs(context, snapshot);
    });
  },
});

/** What ranges cover is told by range, what came later by epoch. */
function printEpochs(context: CommandContext, snapshot: EpochSnapshot): void {
  const { times } = context;
  const { writeEpoch, rangeChain, singleEpochSets, uncompacted } = snapshot;
  context.print(`Current Epoch: ${writeEpoch}\n`);
  const start = writeEpochStart(snapshot);
  if (start !== undefined) context.print(`Epoch Started  ${times.show(start)}\n`);
  const firstUnranged = (rangeChain.at(-1)?.last ?? -1) + 1;
  for (let epoch = writeEpoch; epoch >= firstUnranged; epoch--) {
    const merged = singleEpochSets.get(epoch);
    const written = uncompacted.get(epoch) ?? [];
    // Of a merged epoch they are only left-overs.
    if (written.length > 0 && (merged === undefined || epoch >= writeEpoch - 1)) {
      const { first, last } = spanOf(written);
      context.print(
        `${epoch} ${times.show(first)} ... ${times.show(last)}, ${sumOf(written)}, span ${showSpan(last - first)}\n`,
      );
    }
    if (merged !== undefined) {
      const { first } = spanOf(merged);
      context.print(`${epoch}: ${times.show(first)} single-epoch ${sumOf(merged)}\n`);
    }
  }
  for (const { first, last, blobs } of rangeChain) {
    context.print(`${first}-${last}: range, ${sumOf(blobs)}\n`);
  }
}

function sumOf(blobs: readonly BlobMetadata[]): string {
  const bytes = blobs.reduce((sum, { length }) => sum + length, 0);
  return `${blobs.length} blobs, ${formatBytes(bytes)}`;
}

function spanOf(blobs: readonly BlobMetadata[]): {
  readonly first: EpochNanoseconds;
  readonly last: EpochNanoseconds;
} {
  let first = blobs[0]?.timestamp ?? 0n;
  let last = first;
  for (const { timestamp } of blobs) {
    if (timestamp < first) first = timestamp;
    if (timestamp > last) last = timestamp;
  }
  return { first, last };
}

/** To the nearest second. */
function showSpan(nanoseconds: bigint): string {
  const half = NANOSECONDS_PER_SECOND / 2n;
  const seconds = (nanoseconds + half) / NANOSECONDS_PER_SECOND;
  return formatGoDuration(seconds * NANOSECONDS_PER_SECOND);
}
