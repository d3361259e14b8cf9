import { commandTree } from './command-tree.ts';
import type { Flags } from './grammar/flag.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { listCommands } from './grammar/help.ts';

/** What may follow each beginning of a command line: the empty one, `snapshot`, `snapshot create` and so on. */
export async function completionWords(): Promise<ReadonlyMap<string, readonly string[]>> {
  const words = new Map<string, Set<string>>();
  const add = (path: string, word: string): void => {
    words.set(path, (words.get(path) ?? new Set()).add(word));
  };
  const globals = flagNames(GLOBAL_FLAGS);
  for (const { path, command } of await listCommands(commandTree, [], { full: false })) {
    path.forEach((name, index) => add(path.slice(0, index).join(' '), name));
    for (const name of [...flagNames(command.flags), ...globals]) add(path.join(' '), name);
  }
  return new Map(Array.from(words, ([path, set]) => [path, [...set]]));
}

function flagNames(flags: Flags): readonly string[] {
  return Object.entries(flags)
    .filter(([, { refused, hidden }]) => !refused && hidden !== true)
    .map(([name, { isBoolean }]) => (isBoolean ? `--${name}` : `--${name}=`));
}
