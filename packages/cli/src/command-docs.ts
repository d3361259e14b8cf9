import { commandTree } from './command-tree.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { commandUsage, flagRows, listCommands } from './grammar/help.ts';

/** The reference of all commands, in Markdown: docs/cli.md is this text. */
export async function commandDocs(): Promise<string> {
  const commands = await listCommands(commandTree, [], { full: true });
  const sections = commands.map(({ path, node, command }) => {
    const name = path.join(' ');
    const aliases =
      node.aliases.length === 0 ? [] : [`Also called ${node.aliases.map(code).join(', ')}.`];
    const args = Object.entries(command.args).map(([label, argument]): readonly string[] => [
      code(`<${label}>${argument.repeats ? '...' : ''}`),
      argument.summary,
    ]);
    const flags = flagRows(command.flags, { full: true }).map(([label, text]) => [
      code(label.trim()),
      text,
    ]);
    return [
      `## ${name}`,
      [
        command.summary,
        ...(command.details === undefined ? [] : [command.details]),
        ...aliases,
      ].join('\n'),
      `\`\`\`\nlongshore ${name} ${commandUsage(command)}`.trimEnd() + '\n```',
      ...table(['Argument', 'Meaning'], args),
      ...table(['Flag', 'Meaning'], flags),
    ].join('\n\n');
  });
  const globals = flagRows(GLOBAL_FLAGS, { full: true }).map(([label, text]) => [
    code(label.trim()),
    text,
  ]);
  return `${[INTRODUCTION, ...table(['Flag', 'Meaning'], globals), ...sections].join('\n\n')}\n`;
}

const INTRODUCTION = `# Commands

<!-- Made from the command table by packages/cli/src/command-docs.test.ts; change the table, then run it with -u. -->

longshore takes the command lines of Kopia: the same commands, flags, environment variables, connection file and JSON.
What Kopia has and longshore lacks is refused by name: \`server\`, \`notification\`, connections to servers and to other
storages than folders and S3, and the flags of metrics, profiles and desktop programs. Exit codes: 0 success, 1 failure, 130 interrupted.
With \`--exit-codes=detailed\`: 2 wrong arguments, 3 not supported, 4 errors that were listed, 10 to 17 the repository
does not let this client in or do that, 20 to 24 the storage failed or refused, 30 to 34 data are damaged or missing,
40 to 43 files of this machine cannot be read or written. packages/cli/src/exit-codes.ts has them one by one.

Flags may stand anywhere after the command that has them; the following ones belong to every command.`;

function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  return [[line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')];
}

function code(text: string): string {
  return `\`${text}\``;
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
