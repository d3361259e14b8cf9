import { describe, expect, it } from 'vitest';
import { commandDocs } from './command-docs.ts';
import { commandTree } from './command-tree.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { listCommands } from './grammar/help.ts';

describe('the table of commands', () => {
  it('is what docs/cli.md says', async () => {
    await expect(await commandDocs()).toMatchFileSnapshot('../../../docs/cli.md');
  });

  it('gives no flag a name or letter that the command has already', async () => {
    for (const { path, command } of await listCommands(commandTree, [], { full: true })) {
      const letters = Object.values({ ...GLOBAL_FLAGS, ...command.flags })
        .map(({ short }) => short)
        .filter((short) => short !== undefined);
      expect(new Set(letters).size, path.join(' ')).toBe(letters.length);
      for (const name of Object.keys(command.flags)) {
        expect(Object.hasOwn(GLOBAL_FLAGS, name), `${path.join(' ')} --${name}`).toBe(false);
      }
    }
  });

  it('lets only the last argument of a command take several words', async () => {
    for (const { path, command } of await listCommands(commandTree, [], { full: true })) {
      const repeats = Object.values(command.args).map((argument) => argument.repeats);
      expect(repeats.slice(0, -1), path.join(' ')).not.toContain(true);
    }
  });
});
