import type { Command } from './command.ts';
import type { Flags } from './flag.ts';

interface Named {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly hidden: boolean;
}

/** A command; its module is loaded when it is called, or described in help. */
export interface CommandLeaf extends Named {
  readonly kind: 'command';
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** Commands under one word. */
export interface CommandGroup extends Named {
  readonly kind: 'group';
  readonly summary: string;
  readonly children: readonly CommandNode[];
  /** Flags of all children that may also stand before the child's name. */
  readonly loadFlags: (() => Promise<{ readonly groupFlags: Flags }>) | undefined;
}

export type CommandNode = CommandLeaf | CommandGroup;

interface NodeOptions {
  readonly aliases?: readonly string[];
  readonly hidden?: boolean;
}

export function leaf(
  name: string,
  load: CommandLeaf['load'],
  { aliases = [], hidden = false }: NodeOptions = {},
): CommandLeaf {
  return { kind: 'command', name, aliases, hidden, load };
}

export function group(
  name: string,
  summary: string,
  children: readonly CommandNode[],
  options: NodeOptions & { readonly flags?: NonNullable<CommandGroup['loadFlags']> } = {},
): CommandGroup {
  const { aliases = [], hidden = false, flags: loadFlags } = options;
  return { kind: 'group', name, aliases, hidden, summary, children, loadFlags };
}

export function findChild(parent: CommandGroup, word: string): CommandNode | undefined {
  return parent.children.find(({ name, aliases }) => name === word || aliases.includes(word));
}
