import type { Repository } from '@longshore/repo';
import { findReferencedDirectory, readEntryDirectory, type DirEntry } from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, requiredArgument, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { modeString } from '../output/mode-string.ts';
import { mayColor, printable, red } from '../output/terminal.ts';
import { formatBytes } from '../output/units.ts';

const OBJECT_ID_WIDTH = 34;
const SIZE_WIDTH = 12;

const FLAGS = {
  long: flag('Show modes, sizes, times and object IDs too.', { short: 'l' }),
  'human-readable': flag('Show sizes with units.', { short: 'h' }),
  recursive: flag('Show everything below too.', { short: 'r' }),
  'show-object-id': flag('Show object IDs.', { short: 'o' }),
  'error-summary': flag('Show what could not be backed up.', { default: true }),
};

type ListFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'List a folder of a snapshot.',
  flags: FLAGS,
  args: {
    'object-path': requiredArgument(
      'ID of a snapshot or object, and a path below it: <id>/<path>.',
    ),
  },
  async run(context, { flags, args }) {
    const path = args['object-path'];
    await withRepository(context, async ({ repository }) => {
      const { signal } = context;
      const root = await findReferencedDirectory(repository, path, { signal });
      const prefix = flags.long ? '' : path.endsWith('/') ? path : `${path}/`;
      await listFolder(context, repository, root, flags, prefix);
    });
  },
});

async function listFolder(
  context: CommandContext,
  repository: Repository,
  folder: DirEntry,
  flags: ListFlags,
  prefix: string,
): Promise<void> {
  const { signal } = context;
  const { entries, summary } = await readEntryDirectory(repository, folder, { signal });
  for (const entry of entries) {
    printEntry(context, entry, flags, prefix);
    if (!flags.recursive || entry.type !== 'd') continue;
    await listFolder(context, repository, entry, flags, `${prefix}${entry.name}/`);
  }
  if (!flags['error-summary'] || summary.numFailed === 0) return;
  context.log.warning(`\n${summary.numFailed} entries of this folder could not be backed up:\n`);
  for (const { path, error } of summary.errors) context.log.warning(`- ${path}: ${error}`);
}

function printEntry(
  context: CommandContext,
  entry: DirEntry,
  flags: ListFlags,
  prefix: string,
): void {
  const { objectID = '', type, size, summary } = entry;
  const failed = flags['error-summary'] ? (summary?.numFailed ?? 0) : 0;
  const slash = type === 'd' ? '/' : '';
  const isWhole = flags.long || flags.recursive;
  const shown = isWhole ? `${prefix}${entry.name}${slash}` : entry.name;
  const name = `${printable(shown)}${failed > 0 ? ` (${failed} errors)` : ''}`;
  const bytes = summary?.size ?? size;
  const paddedID = objectID.padEnd(OBJECT_ID_WIDTH);
  const line = flags.long
    ? [
        modeString(entry),
        (flags['human-readable'] ? formatBytes(bytes) : String(bytes)).padStart(SIZE_WIDTH),
        context.times.show(type === 'd' ? (summary?.maxTime ?? entry.mtime) : entry.mtime),
        paddedID,
        name,
      ].join(' ')
    : flags['show-object-id']
      ? `${paddedID} ${name}`
      : name;
  const colored = failed > 0 && mayColor(context.stdout, context.env, context.flags);
  context.print(`${colored ? red(line) : line}\n`);
}
