import { completionWords } from '../completion-words.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { bashCompletion } from './completion-bash.ts';

export const command: Command = defineCommand({
  summary: 'Print a script that completes command lines in zsh.',
  details: 'Use: source <(longshore completion zsh)',
  flags: {},
  args: {},
  async run(context) {
    const script = bashCompletion(await completionWords());
    context.print(`autoload -U +X bashcompinit && bashcompinit\n${script}`);
  },
});
