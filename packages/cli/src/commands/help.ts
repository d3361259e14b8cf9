import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { describeLine } from '../grammar/help.ts';
import { parseCommandLine } from '../grammar/parse.ts';

export const command: Command = defineCommand({
  summary: 'Describe a command.',
  flags: {},
  args: { command: argumentList('The command.') },
  async run(context, { args }) {
    const { commandTree } = await import('../command-tree.ts');
    const line = await parseCommandLine(args.command, {
      root: commandTree,
      globalFlags: {},
      env: {},
    });
    context.print(await describeLine(line, { full: false }));
  },
});
