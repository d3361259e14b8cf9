import { NANOSECONDS_PER_SECOND, optimizeIndexes, parseContentID } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, texts } from '../grammar/value-flags.ts';
import { requireDangerousCommands } from './dangerous.ts';

export const command: Command = defineCommand({
  summary: 'Merge index blobs now.',
  details:
    'Maintenance does this by itself. Where there are epochs, all that are ready are merged, and --all and --max-small-blobs make no difference; ' +
    'else index blobs no larger than a pack become one set, or all of them where something is forgotten.',
  flags: {
    all: flag('Merge index blobs larger than a pack as well.'),
    'drop-deleted-older-than': duration('Forget contents that were deleted longer ago.', {
      default: 0n,
    }),
    'max-small-blobs': integer('Merge nothing where there are fewer small index blobs.', {
      default: 1,
    }),
    'drop-contents': texts('Forget this content, whatever needs it. Not where there are epochs.'),
  },
  args: {},
  async run(context, { flags }) {
    requireDangerousCommands(context, 'index optimize');
    const { log, signal } = context;
    const age = flags['drop-deleted-older-than'];
    if (flags['max-small-blobs'] < 1) throw new UsageError('--max-small-blobs must be positive');
    const dropContents = new Set(flags['drop-contents'].map(parseContentID));
    await withWritableRepository(context, async ({ repository }) => {
      if (repository.indexBlobs.style === 'epoch' && dropContents.size > 0) {
        throw new UsageError(
          '--drop-contents has no way to forget a content where there are epochs',
        );
      }
      const now = repository.clock();
      const merged = await optimizeIndexes(repository, {
        allIndexes: flags.all,
        maxSmallBlobs: flags['max-small-blobs'],
        ...(age > 0n
          ? { dropDeletedBeforeSeconds: Number((now - age) / NANOSECONDS_PER_SECOND) }
          : {}),
        ...(dropContents.size === 0 ? {} : { dropContents }),
        signal,
      });
      log.info(`Merged ${merged} index blobs.`);
    });
  },
});
