import { formatSource, getEffectivePolicy, policyPayload } from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { printJSON } from '../output/json-output.ts';
import { policyLines } from '../output/policy-table.ts';
import { POLICY_TARGET_ARGUMENTS, POLICY_TARGET_FLAGS, policyTargets } from './policy-targets.ts';

export const command: Command = defineCommand({
  summary: 'Show the policy in force for a target, and where each setting comes from.',
  flags: { ...POLICY_TARGET_FLAGS, ...JSON_FLAGS },
  args: POLICY_TARGET_ARGUMENTS,
  async run(context, { flags, args }) {
    await withRepository(context, async (connection) => {
      const { global } = flags;
      for (const target of policyTargets(context, connection, { global, target: args.target })) {
        const { signal } = context;
        const effective = await getEffectivePolicy(connection.repository, target, { signal });
        if (flags.json) printJSON(context, flags, policyPayload(effective.policy));
        else {
          const lines = policyLines(target, effective).join('\n');
          context.print(`Policy for ${formatSource(target)}:\n\n${lines}\n`);
        }
      }
    });
  },
});
