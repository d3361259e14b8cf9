import { parseContentID, rewriteContents } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { integer, text } from '../grammar/value-flags.ts';
import { statisticsText } from '../maintenance/maintenance-report.ts';
import { CONTENT_RANGE_FLAGS, isInContentRange } from './content-range.ts';
import { requireDangerousCommands } from './dangerous.ts';
import { SAFETY_FLAGS } from './safety-flags.ts';

/** Kopia's word for no format version. */
const NO_FORMAT_VERSION = -1;

export const command: Command = defineCommand({
  summary: 'Store contents anew in new packs.',
  details:
    'Those that are named, those of short packs (--short) and those written with a format version. --prefix, --prefixed and --non-prefixed restrict the latter; --pack-prefix restricts both, but not what is named.',
  flags: {
    parallelism: integer('Contents stored at once.', { default: 16 }),
    short: flag('Contents of packs that are mostly empty.'),
    'format-version': integer('Contents written with this format version.', {
      default: NO_FORMAT_VERSION,
    }),
    'pack-prefix': text('Only contents of packs whose name begins so.', { default: '' }),
    'dry-run': flag('Say what would be stored anew.', { short: 'n' }),
    ...CONTENT_RANGE_FLAGS,
    ...SAFETY_FLAGS,
  },
  args: { contentID: argumentList('IDs of contents.') },
  async run(context, { flags, args }) {
    requireDangerousCommands(context, 'content rewrite');
    const { log, signal } = context;
    const version = flags['format-version'];
    const dryRun = flags['dry-run'];
    const contentIDs = args.contentID.map(parseContentID);
    await withWritableRepository(
      context,
      async ({ repository }) => {
        const statistics = await rewriteContents(
          repository,
          {
            contentIDs,
            packPrefix: flags['pack-prefix'],
            isInRange: (id) => isInContentRange(id, flags),
            ...(flags.short ? { shortPacks: ['p', 'q'] } : {}),
            ...(version === NO_FORMAT_VERSION ? {} : { formatVersion: version }),
          },
          {
            parallelism: flags.parallelism,
            safety: flags.safety,
            dryRun,
            signal,
            onChange: ({ id, reason }) => {
              const line = `${dryRun ? 'Would store' : 'Stored'} ${id} anew: ${reason}.`;
              if (dryRun) log.info(line);
              else log.debug(line);
            },
          },
        );
        log.info(`${dryRun ? 'Nothing was changed' : 'Done'}: ${statisticsText(statistics)}.`);
      },
      { parallel: true },
    );
  },
});
