import { writeSession } from '@longshore/repo';
import { EMPTY_POLICY, formatSource, getPolicy, setPolicy } from '@longshore/snapshot';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { changePolicy, POLICY_SETTING_FLAGS } from './policy-changes.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';

export const command: Command = defineCommand({
  summary: 'Change policies.',
  details: 'A setting given as "inherit" is taken out, so that the policies above decide.',
  flags: { ...POLICY_TARGET_FLAGS, ...POLICY_SETTING_FLAGS },
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    const { signal, log } = context;
    await withWritableRepository(context, async (connection) => {
      const { global } = flags;
      const targets = policyTargets(context, connection, { global, target: args.target });
      await writeSession(connection.repository, { signal }, async (writer) => {
        for (const target of targets) {
          const stored = await getPolicy(writer, target, { signal });
          const { policy, changes } = changePolicy(stored?.policy ?? EMPTY_POLICY, flags);
          if (changes.length === 0) throw new UsageError('no change was asked for');
          log.info(`Setting policy for ${formatSource(target)}`);
          for (const change of changes) log.info(` - ${change}`);
          await setPolicy(writer, target, policy);
        }
      });
    });
  },
});
