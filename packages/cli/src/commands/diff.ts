import { formatGoTime, type EpochNanoseconds, type Repository } from '@longshore/repo';
import {
  countDifference,
  diffEntries,
  findReferencedDirectory,
  findSnapshotReference,
  listedEntry,
  newDiffStats,
  type ComparedField,
  type Difference,
  type DirEntry,
} from '@longshore/snapshot';
import { withRepository } from '../connection/with-repository.ts';
import { defineCommand, requiredArgument, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { text } from '../grammar/value-flags.ts';
import { modeString } from '../output/mode-string.ts';
import { printable } from '../output/terminal.ts';
import { FileComparison } from './diff-files.ts';

const DEFAULT_COMMAND = 'diff -u';

export const command: Command = defineCommand({
  summary: 'Show what differs between two folders of snapshots.',
  flags: {
    files: flag('Run a program on each pair of files that differ.', { short: 'f' }),
    'stats-only': flag('Print the counts alone.'),
    'diff-command': text('The program and its flags.', {
      env: 'KOPIA_DIFF',
      default: DEFAULT_COMMAND,
    }),
  },
  args: {
    'object-path1': requiredArgument('ID of a snapshot or object, and a path below it.'),
    'object-path2': requiredArgument('What to compare it with.'),
  },
  async run(context, { flags, args }) {
    const { signal } = context;
    await withRepository(context, async ({ repository }) => {
      const before = await comparedEntry(repository, args['object-path1'], signal);
      const after = await comparedEntry(repository, args['object-path2'], signal);
      const stats = newDiffStats();
      await using files = flags.files
        ? await FileComparison.start(context, repository, flags['diff-command'])
        : undefined;
      for await (const difference of diffEntries(repository, before, after, { signal })) {
        countDifference(stats, difference);
        if (!flags['stats-only']) {
          for (const line of linesOf(difference)) context.print(`${printable(line)}\n`);
        }
        await files?.compare(difference);
      }
      context.print(`${JSON.stringify(stats)}\n`);
    });
  },
});

/** The root of a snapshot as it is recorded, everything below as Kopia lists it. */
async function comparedEntry(
  repository: Repository,
  reference: string,
  signal: AbortSignal,
): Promise<DirEntry> {
  const entry = await findReferencedDirectory(repository, reference, { signal });
  const { path } = await findSnapshotReference(repository, reference, { signal });
  return path.replaceAll('/', '') === '' ? entry : listedEntry(entry);
}

const FIELD_NAMES: Readonly<Record<ComparedField, string>> = {
  mode: 'modes',
  size: 'sizes',
  mtime: 'modification times',
  uid: 'owner users',
  gid: 'owner groups',
};

/** As Kopia prints them. Metadata that differ where the content does not are counted only. */
function linesOf(difference: Difference): readonly string[] {
  const { path } = difference;
  if (difference.type !== 'modified') {
    const { type, entry } = difference;
    return [
      entry.type === 'd'
        ? `${type} directory ${path}`
        : `${type} file ${path} (${entry.size} bytes)`,
    ];
  }
  const { before, after, fields, contentChanged } = difference;
  if (!contentChanged) return [];
  return [
    ...fields.map(
      (name) => `${path} ${FIELD_NAMES[name]} differ: ${shown(before, name)} ${shown(after, name)}`,
    ),
    ...changeOf(path, before, after, fields.length === 0),
  ];
}

function changeOf(
  path: string,
  before: DirEntry,
  after: DirEntry,
  isOtherwiseSilent: boolean,
): readonly string[] {
  if (before.type === 'd' && after.type === 'd') return [];
  if (before.type === 'd') return [`changed ${path} from directory to non-directory`];
  if (after.type === 'd') return [`changed ${path} from non-directory to a directory`];
  if (before.type === 'f' && after.type === 'f') {
    return [`changed ${path} at ${goTime(after.mtime)} (size ${before.size} -> ${after.size})`];
  }
  // Kopia says nothing about a symlink whose target alone changed.
  return isOtherwiseSilent ? [`changed ${path}`] : [];
}

function shown(entry: DirEntry, name: ComparedField): string {
  if (name === 'mode') return modeString(entry);
  return name === 'mtime' ? goTime(entry.mtime) : String(entry[name]);
}

/** As Go prints a time in UTC. */
function goTime(time: EpochNanoseconds): string {
  return `${formatGoTime(time).replace('T', ' ').replace('Z', '')} +0000 UTC`;
}
