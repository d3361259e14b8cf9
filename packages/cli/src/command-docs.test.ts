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
    const clashes = (await listCommands(commandTree, [], { full: true })).flatMap(
      ({ path, command }) => {
        const letters = Object.values({ ...GLOBAL_FLAGS, ...command.flags }).flatMap(
          ({ short }) => short ?? [],
        );
        const twice = letters.filter((letter, index) => letters.indexOf(letter) !== index);
        const names = Object.keys(command.flags).filter((name) =>
          Object.hasOwn(GLOBAL_FLAGS, name),
        );
        return [...twice, ...names].map((clash) => `${path.join(' ')}: ${clash}`);
      },
    );
    expect(clashes).toEqual([]);
  });

  it('lets only the last argument of a command take several words', async () => {
    const greedy = (await listCommands(commandTree, [], { full: true })).filter(({ command }) =>
      Object.values(command.args)
        .slice(0, -1)
        .some(({ repeats }) => repeats),
    );
    expect(greedy).toEqual([]);
  });
});
