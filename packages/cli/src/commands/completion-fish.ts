import { completionWords } from '../completion-words.ts';
import { defineCommand, type Command } from '../grammar/command.ts';

export const command: Command = defineCommand({
  summary: 'Print a script that completes command lines in fish.',
  details: 'Use: longshore completion fish | source',
  flags: {},
  args: {},
  async run(context) {
    context.print(fishCompletion(await completionWords()));
  },
});

/** One rule for each beginning of a line. Words that are flags are completed only after a dash was typed. */
function fishCompletion(words: ReadonlyMap<string, readonly string[]>): string {
  const rules = Array.from(
    words,
    ([path, list]) => `complete -c longshore -n '__longshore_at "${path}"' -a '${list.join(' ')}'`,
  );
  return `function __longshore_at
  set -l path (string match -v -- '-*' (commandline -opc)[2..-1])
  set -l wanted (string split -n ' ' -- $argv[1])
  if test (count $wanted) -eq 0
    test (count $path) -eq 0
    return
  end
  test "$path[1..(count $wanted)]" = "$wanted"
end
${rules.join('\n')}
`;
}
