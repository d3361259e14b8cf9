import { NANOSECONDS_PER_SECOND } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag } from '../grammar/flag.ts';
import { duration } from '../grammar/value-flags.ts';
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
    'max-small-blobs': refusedFlag({ except: ['1'] }),
    'drop-contents': refusedFlag(),
  },
  args: {},
  async run(context, { flags }) {
    requireDangerousCommands(context, 'index optimize');
    const { log, signal } = context;
    const age = flags['drop-deleted-older-than'];
    await withWritableRepository(context, async ({ repository: { indexBlobs, clock } }) => {
      const dropBefore = age > 0n ? Number((clock() - age) / NANOSECONDS_PER_SECOND) : 0;
      if (indexBlobs.style === 'legacy') {
        const merged = await indexBlobs.compact({ dropDeletedBeforeSeconds: dropBefore, signal });
        log.info(`Merged ${merged?.inputs.length ?? 0} index blobs.`);
        return;
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
