import { loadConfigFile } from '../config/config-file.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { printJSON } from '../output/json-output.ts';
import { limitOf, limitsJSON, showLimit, THROTTLE_LIMITS } from './throttle-limits.ts';

export const command: Command = defineCommand({
  summary: 'Show how fast this client may use the storage.',
  flags: JSON_FLAGS,
  args: {},
  async run(context, { flags }) {
    const { client } = loadConfigFile(context.configFile, context.env);
    const limits = client.throttlingLimits ?? {};
    if (flags.json) {
      printJSON(context, flags, limitsJSON(limits));
      return;
    }
    for (const limit of THROTTLE_LIMITS) {
      const value = limitOf(limits, limit);
      const shown = value === 0 ? '(unlimited)' : showLimit(limit, value);
      context.print(`${`${limit.label}:`.padEnd(30)} ${shown}\n`);
    }
  },
});
