import type { Command } from './command.ts';
import type { CommandGroup, CommandNode } from './command-tree.ts';
import type { Flag, Flags } from './flag.ts';
import type { ParsedLine } from './parse.ts';

export interface HelpOptions {
  /** Hidden commands and flags too. */
  readonly full: boolean;
}

/** Help for the command or group that a line names. */
export async function describeLine(line: ParsedLine, options: HelpOptions): Promise<string> {
  const name = ['longshore', ...line.path].join(' ');
  return line.command === undefined
    ? describeGroup(line.group, name, options)
    : describeCommand(line.command, name, options);
}

/** Usage, what it does, arguments and flags. */
function describeCommand(command: Command, name: string, options: HelpOptions): string {
  const { flags, args, summary, details } = command;
  const sections = [`Usage: ${name} ${commandUsage(command)}`.trimEnd(), summary];
  if (details !== undefined) sections.push(details);
  const shownArguments = Object.entries(args).map(([label, argument]): [string, string] => [
    argumentLabel(label, argument),
    argument.summary,
  ]);
  if (shownArguments.length > 0) sections.push(`Arguments:\n${columns(shownArguments)}`);
  const shownFlags = flagRows(flags, options);
  if (shownFlags.length > 0) sections.push(`Flags:\n${columns(shownFlags)}`);
  sections.push('Flags of every command are listed by "longshore --help".');
  return `${sections.join('\n\n')}\n`;
}

async function describeGroup(
  group: CommandGroup,
  name: string,
  options: HelpOptions,
): Promise<string> {
  const { GLOBAL_FLAGS } = await import('../global-flags.ts');
  const isRoot = group.name === '';
  const sections = [`Usage: ${name} <command> [flags]`, group.summary];
  const listed = await listCommands(group, [], options);
  const rows = listed.map(({ path, command }): [string, string] => [
    path.join(' '),
    command.summary,
  ]);
  sections.push(`Commands:\n${columns(rows)}`);
  if (isRoot) sections.push(`Flags of every command:\n${columns(flagRows(GLOBAL_FLAGS, options))}`);
  sections.push(
    `"${name} <command> --help" describes a command${options.full ? '' : `, "${name} --help-full" lists hidden ones too`}.`,
  );
  return `${sections.join('\n\n')}\n`;
}

/** Every command below a group, with its whole path below it. */
export async function listCommands(
  group: CommandGroup,
  path: readonly string[],
  options: HelpOptions,
): Promise<
  readonly {
    readonly path: readonly string[];
    readonly node: CommandNode;
    readonly command: Command;
  }[]
> {
  const visible = group.children.filter(({ hidden }) => options.full || !hidden);
  const lists = await Promise.all(
    visible.map(async (node) => {
      const below = [...path, node.name];
      if (node.kind === 'group') return listCommands(node, below, options);
      return [{ path: below, node, command: (await node.load()).command }];
    }),
  );
  return lists.flat();
}

/** What follows the name of a command. */
export function commandUsage({ flags, args }: Command): string {
  const required = Object.entries(flags)
    .filter(([, flag]) => flag.required)
    .map(([name, flag]) => `--${name}=${placeholderOf(name, flag)}`);
  const optional = Object.values(flags).some((flag) => !flag.required && !flag.refused);
  const words = Object.entries(args).map(([label, argument]) =>
    argument.required ? argumentLabel(label, argument) : `[${argumentLabel(label, argument)}]`,
  );
  return [...required, ...(optional ? ['[flags]'] : []), ...words].join(' ');
}

function argumentLabel(label: string, { repeats }: Command['args'][string]): string {
  return `<${label}>${repeats ? '...' : ''}`;
}

/** One row a flag: how it is written, what it does, its default and variable. */
export function flagRows(flags: Flags, options: HelpOptions): readonly [string, string][] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.refused && (options.full || flag.hidden !== true))
    .map(([name, flag]) => [flagLabel(name, flag), describeFlag(flag)]);
}

function flagLabel(name: string, flag: Flag<unknown>): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  if (flag.isBoolean) return `${short}--[no-]${name}`;
  return `${short}--${name}=${placeholderOf(name, flag)}${flag.repeats ? ' ...' : ''}`;
}

function describeFlag({ summary, defaultText, env }: Flag<unknown>): string {
  const notes = [
    ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
    ...(env === undefined ? [] : [`$${env}`]),
  ];
  return notes.length === 0 ? summary : `${summary} (${notes.join(', ')})`;
}

function placeholderOf(name: string, { placeholder }: Flag<unknown>): string {
  return placeholder ?? name.slice(name.lastIndexOf('-') + 1).toUpperCase();
}

const MAX_LABEL_WIDTH = 38;

/** Two columns; a label that is too wide has its text on the next line. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(MAX_LABEL_WIDTH, Math.max(...rows.map(([label]) => label.length)));
  return rows
    .map(([label, text]) =>
      label.length <= width
        ? `  ${label.padEnd(width)}  ${text}`
        : `  ${label}\n  ${' '.repeat(width)}  ${text}`,
    )
    .join('\n');
}
