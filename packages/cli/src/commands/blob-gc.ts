import { collectBlobs } from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { integer, text } from '../grammar/value-flags.ts';
import { statisticsText } from '../maintenance/maintenance-report.ts';
import { formatBytes } from '../output/units.ts';
import { requireDangerousCommands } from './dangerous.ts';
import { SAFETY_FLAGS } from './safety-flags.ts';

export const command: Command = defineCommand({
  summary: 'Delete packs and session markers that nothing refers to.',
  details:
    'Those that are younger than a day, or belong to a session of the last four days, stay: some writer may be about to name them. None goes within an hour after contents were moved to other packs: clients with an older index still read the old ones.',
  flags: {
    delete: text('"yes" to delete, anything else to say what would be deleted.', { default: '' }),
    parallel: integer('Blobs deleted at once.', { default: 16 }),
    prefix: text('Only blobs whose name begins so: with p, q or s.', { default: '' }),
    ...SAFETY_FLAGS,
  },
  args: {},
  async run(context, { flags }) {
    requireDangerousCommands(context, 'blob gc');
    const { log, signal } = context;
    const dryRun = flags.delete !== 'yes';
    const prefix = flags.prefix === '' ? undefined : flags.prefix;
    await withWritableRepository(context, async ({ repository }) => {
      let found = 0;
      const statistics = await collectBlobs(repository, prefix, {
        parallelism: flags.parallel,
        safety: flags.safety,
        dryRun,
        signal,
        onChange: ({ id, bytes, reason }) => {
          found += 1;
          const line = `${dryRun ? 'Would delete' : 'Deleting'} ${id} (${formatBytes(bytes)}): ${reason}.`;
          if (dryRun) log.info(line);
          else log.debug(line);
        },
      });
      log.info(`${statisticsText(statistics)}.`);
      if (dryRun && found > 0) log.info('Pass --delete=yes to delete.');
    });
  },
});
