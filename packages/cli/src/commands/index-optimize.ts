import { NANOSECONDS_PER_SECOND, parseContentID } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, texts } from '../grammar/value-flags.ts';
import { requireDangerousCommands } from './dangerous.ts';

export const command: Command = defineCommand({
  summary: 'Merge index blobs now.',
  details:
    'Maintenance does this by itself. Where there are epochs, those that are ready are merged; else all index blobs become one set.',
  flags: {
    all: flag('Accepted: large index blobs are merged too.'),
    'drop-deleted-older-than': duration('Forget contents that were deleted longer ago.', {
      default: 0n,
    }),
    'max-small-blobs': integer('How many small index blobs may be left; one is.', { default: 1 }),
    'drop-contents': texts('Forget this content, whatever needs it. Not where there are epochs.'),
  },
  args: {},
  async run(context, { flags }) {
    requireDangerousCommands(context, 'index optimize');
    const { log, signal } = context;
    const age = flags['drop-deleted-older-than'];
    if (flags['max-small-blobs'] < 1) throw new UsageError('--max-small-blobs must be positive');
    const dropContents = new Set(flags['drop-contents'].map(parseContentID));
    await withWritableRepository(context, async ({ repository: { indexBlobs, clock } }) => {
      const dropBefore = age > 0n ? Number((clock() - age) / NANOSECONDS_PER_SECOND) : 0;
      if (indexBlobs.style === 'legacy') {
        const merged = await indexBlobs.compact({
          dropDeletedBeforeSeconds: dropBefore,
          ...(dropContents.size === 0 ? {} : { dropContents }),
          signal,
        });
        log.info(`Merged ${merged?.inputs.length ?? 0} index blobs.`);
        return;
      }
      if (dropContents.size > 0) {
        throw new UsageError(
          '--drop-contents has no way to forget a content where there are epochs',
        );
      }
      if (dropBefore > 0) await indexBlobs.advanceDeletionWatermark(dropBefore, { signal });
      let inputs = 0;
      // A listing that lags would offer the same epoch again.
      for (let last = -1; ;) {
        const merged = await indexBlobs.compactSingleEpoch({ signal });
        if (merged === undefined || merged.first <= last) break;
        last = merged.first;
        inputs += merged.inputs.length;
      }
      inputs += (await indexBlobs.compactRange({ signal }))?.inputs.length ?? 0;
      log.info(`Merged ${inputs} index blobs.`);
    });
  },
});
