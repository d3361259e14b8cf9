import { writeSession } from '@longshore/repo';
import { formatSource, removePolicy } from '@longshore/snapshot';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';

export const command: Command = defineCommand({
  summary: 'Delete policies: the ones above decide then.',
  flags: {
    ...POLICY_TARGET_FLAGS,
    'dry-run': flag('Say what would be deleted.', { short: 'n' }),
  },
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    const { signal, log } = context;
    await withWritableRepository(context, async (connection) => {
      const { global } = flags;
      const targets = policyTargets(context, connection, { global, target: args.target });
      if (flags['dry-run']) {
        for (const target of targets)
          log.info(`Would delete the policy for ${formatSource(target)}`);
        return;
      }
      await writeSession(connection.repository, { signal }, async (writer) => {
        for (const target of targets) {
          const found = await removePolicy(writer, target);
          log.info(`${found ? 'Deleted the' : 'There is no'} policy for ${formatSource(target)}`);
        }
      });
    });
  },
});
