import { rollBackUpgrade } from '@longshore/repo';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { withUpgrade } from './upgrade-run.ts';

export const command: Command = defineCommand({
  summary: 'Take back an upgrade that was not finished.',
  details:
    'For an upgrade that somebody else began give the name in the message about the lock as --upgrade-owner-id, after making sure that he is gone.',
  flags: { force: flag('Really take it back.') },
  args: {},
  async run(context, { flags }) {
    if (!flags.force) {
      throw new UsageError(
        'who upgrades must not be at work while the upgrade is taken back; if nobody is, add --force',
      );
    }
    await withUpgrade(context, async (environment) => {
      const outcome = await rollBackUpgrade(environment);
      context.log.info(
        outcome === 'mended'
          ? 'There was no upgrade, but what was left of one has been removed.'
          : 'The upgrade has been taken back.',
      );
    });
  },
});
