import { expect, it } from 'vitest';
import { commandTree } from './command-tree.ts';
import { findChild, type CommandNode } from './grammar/command-tree.ts';

it.each([
  ['compare', 'diff'],
  ['maintenance status', 'info'],
  ['snap ls', 'list'],
])('%s is the %s that scripts for Kopia mean', (line, name) => {
  let node: CommandNode | undefined = commandTree;
  for (const word of line.split(' ')) {
    node = node?.kind === 'group' ? findChild(node, word) : undefined;
  }
  expect(node?.name).toBe(name);
});
