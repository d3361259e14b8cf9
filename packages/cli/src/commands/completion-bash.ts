import { completionWords } from '../completion-words.ts';
import { defineCommand, type Command } from '../grammar/command.ts';

export const command: Command = defineCommand({
  summary: 'Print a script that completes command lines in bash.',
  details: 'Use: source <(longshore completion bash)',
  flags: {},
  args: {},
  async run(context) {
    context.print(bashCompletion(await completionWords()));
  },
});

/** The function that bash asks; zsh can use it too. Names and flags hold no character that a shell would expand. */
export function bashCompletion(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = Array.from(
    words,
    ([path, list]) => `      '${path}') words='${list.join(' ')}' ;;`,
  );
  return `_longshore() {
  local path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*|=) ;; *) path="\${path:+$path }$word" ;; esac
  done
  while :; do
    case "$path" in
${cases.join('\n')}
    esac
    [ -n "$words" ] || [ -z "$path" ] && break
    case "$path" in *' '*) path="\${path% *}" ;; *) path='' ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  case "\${COMPREPLY[0]}" in *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -o default -F _longshore longshore
`;
}
