import { lstatSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describeError, LongshoreError, objectReference, type Repository } from '@longshore/repo';
import {
  DIRECTORY_PLACEHOLDER_NAME,
  parsePlaceholder,
  restoreSnapshot,
  type DirEntry,
  type RestoreSummary,
} from '@longshore/snapshot';
import { openLocalOutput, type LocalOutputOptions } from '@longshore/snapshot/node';
import { expandHome } from '../config/config-paths.ts';
import { errnoOf } from '../config/errno.ts';
import { restoreSource } from '../connection/restore-source.ts';
import { sourceOf } from '../connection/sources.ts';
import { readLimit, withRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { integer, oneOf, text } from '../grammar/value-flags.ts';
import { formatBytes } from '../output/units.ts';
import { RestoreProgress } from '../progress/restore-progress.ts';
import { archiveKind, openArchive } from './restore-archive.ts';

const PLACEHOLDER_SUFFIX = DIRECTORY_PLACEHOLDER_NAME;

const FLAGS = {
  'overwrite-directories': flag('Restore into folders that are not empty.', { default: true }),
  'overwrite-files': flag('Replace files that are there.', { default: true }),
  'overwrite-symlinks': flag('Replace symlinks that are there.', { default: true }),
  'write-sparse-files': flag('Leave holes where files have nothing but zeros.'),
  'write-files-atomically': flag('Show a file under its name only when it is complete.'),
  'consistent-attributes': flag('Refuse to choose among snapshots with other attributes.', {
    env: 'KOPIA_RESTORE_CONSISTENT_ATTRIBUTES',
  }),
  mode: oneOf(['auto', 'local', 'zip', 'zip-nocompress', 'tar', 'tgz'])(
    'Where to restore to: a folder (local) or an archive; auto goes by the name of the target.',
    { default: 'auto' },
  ),
  parallel: integer('Requests to the storage at once.', { default: 8 }),
  'skip-owners': flag('Do not set owners.'),
  'skip-permissions': flag('Do not set modes.'),
  'skip-times': flag('Do not set times.'),
  'ignore-permission-errors': flag('Leave attributes alone that may not be set.', {
    default: true,
  }),
  'ignore-errors': flag('Leave out what cannot be restored.'),
  'skip-existing': flag('Leave files of the same size and time, and symlinks, alone.'),
  'delete-extra': flag('Remove from the target what the snapshot lacks.'),
  shallow: integer('Leave placeholders for what is deeper than this.'),
  'shallow-minsize': integer('Restore smaller files all the same, in bytes.', { default: 0 }),
  'snapshot-time': text('Of a path, take the latest snapshot that is not later than this.', {
    default: 'latest',
  }),
  'flush-files': flag('Make every file durable.'),
};

type RestoreFlags = FlagValues<typeof FLAGS>;

interface RestoreTask {
  readonly entry: DirEntry;
  /** Absolute. */
  readonly target: string;
  readonly depth: number | undefined;
}

export const command: Command = defineCommand({
  summary: 'Restore a snapshot, or a part of it, to local files.',
  details:
    'Called with an ID or a path and a target, with a path alone that is restored in place, or with placeholders\n' +
    'of an earlier shallow restore.',
  flags: FLAGS,
  args: {
    sources: argumentList('<snapshot or object ID>[/path] or a path, then the target.', {
      required: true,
    }),
  },
  showsRequests: true,
  async run(context, { flags, args }) {
    await withRepository(
      context,
      async (connection) => {
        for (const task of await planTasks(context, connection, args.sources, flags)) {
          await restoreTask(context, connection, task, flags);
        }
      },
      { parallel: true, recentFormat: true },
    );
  },
});

async function planTasks(
  context: CommandContext,
  connection: Connection,
  words: readonly string[],
  flags: RestoreFlags,
): Promise<readonly RestoreTask[]> {
  const placeholders = words.filter(isPlaceholder);
  if (placeholders.length === words.length) {
    return words.map((word) => placeholderTask(absolute(context, word), flags));
  }
  if (placeholders.length > 0 || words.length > 2) {
    throw new UsageError('restore needs a source and a target, or placeholders only');
  }
  const [source = '', given] = words;
  const target =
    given === undefined ? inPlace(context, connection, source) : absolute(context, given);
  const entry = await restoreSource(context, connection, source, {
    snapshotTime: flags['snapshot-time'],
    consistentAttributes: flags['consistent-attributes'],
  });
  return [{ entry, target, depth: flags.shallow }];
}

function isPlaceholder(path: string): boolean {
  const name = basename(path);
  return name.endsWith(PLACEHOLDER_SUFFIX) && name !== PLACEHOLDER_SUFFIX;
}

/** One level, unless more is asked for. */
function placeholderTask(path: string, flags: RestoreFlags): RestoreTask {
  return {
    entry: parsePlaceholder(readPlaceholder(path), path),
    target: path.slice(0, -PLACEHOLDER_SUFFIX.length),
    depth: flags.shallow ?? 0,
  };
}

function readPlaceholder(path: string): Uint8Array {
  try {
    const file = lstatSync(path).isDirectory() ? join(path, PLACEHOLDER_SUFFIX) : path;
    return readFileSync(file);
  } catch (cause) {
    throw new LongshoreError(
      'PATH_NOT_FOUND',
      `cannot read the placeholder ${path} (${errnoOf(cause) ?? describeError(cause)})`,
      { path, cause },
    );
  }
}

function inPlace(context: CommandContext, { identity }: Connection, text: string): string {
  const { host, userName, path } = sourceOf(context, identity, text);
  const isOwn = host === identity.hostName && userName === identity.userName;
  if (isOwn && path !== '') return path;
  throw new UsageError('restore without a target needs a path of this user and host');
}

function absolute(context: CommandContext, path: string): string {
  return resolve(context.workingDirectory, expandHome(path, context.env));
}

async function restoreTask(
  context: CommandContext,
  { repository }: Connection,
  { entry, target, depth }: RestoreTask,
  flags: RestoreFlags,
): Promise<void> {
  const { log, signal } = context;
  refuseMissing(repository, entry);
  const kind = archiveKind(target, flags.mode);
  const isFolder = entry.type === 'd';
  const progress = new RestoreProgress(context.progress);
  if (kind === undefined) {
    log.info(`Restoring to local filesystem (${target}) with parallelism=${flags.parallel}...`);
  } else log.info(`Restoring to a ${kind} archive (${target})...`);
  await using archive =
    kind === undefined
      ? undefined
      : await openArchive(kind, target, { overwrite: flags['overwrite-files'] });
  await using output =
    archive ?? openLocalOutput(isFolder ? target : dirname(target), outputOptions(context, flags));
  const summary = await restoreSnapshot(repository, entry, output, {
    signal,
    parallel: Math.max(1, flags.parallel),
    ...readLimit(repository),
    ignoreErrors: flags['ignore-errors'],
    deleteExtra: flags['delete-extra'] && isFolder,
    minSizeForPlaceholder: flags['shallow-minsize'],
    ...(depth === undefined ? {} : { restoreDirEntryAtDepth: depth }),
    ...(isFolder || kind !== undefined ? {} : { name: basename(target) }),
    onEvent: (event) => {
      progress.onEvent(event);
      if (event.type === 'entry-failed') log.error(`Ignored: ${describeError(event.error)}`);
    },
  });
  await archive?.finish();
  context.progress.clear();
  log.info(summaryLine(summary));
  if (kind === undefined && !summary.exactTimes) {
    log.info('The file system keeps times to about a microsecond only.');
  }
}

/** Before anything is made for it at the target. */
function refuseMissing({ contents }: Repository, { objectID }: DirEntry): void {
  if (objectID === undefined) return;
  if (contents.contentInfo(objectReference(objectID).contentID) !== undefined) return;
  throw new LongshoreError('OBJECT_NOT_FOUND', `the repository has no object ${objectID}`, {
    objectID,
  });
}

function outputOptions({ log }: CommandContext, flags: RestoreFlags): LocalOutputOptions {
  return {
    overwriteDirectories: flags['overwrite-directories'],
    overwriteFiles: flags['overwrite-files'],
    overwriteSymlinks: flags['overwrite-symlinks'],
    writeFilesAtomically: flags['write-files-atomically'],
    writeSparseFiles: flags['write-sparse-files'],
    skipOwners: flags['skip-owners'],
    skipPermissions: flags['skip-permissions'],
    skipTimes: flags['skip-times'],
    ignorePermissionErrors: flags['ignore-permission-errors'],
    flushFiles: flags['flush-files'],
    skipExisting: flags['skip-existing'],
    onIgnoredError: (error) => log.debug(`ignored: ${error.message}`),
  };
}

function summaryLine(summary: RestoreSummary): string {
  const { files, directories, symlinks, bytes } = summary;
  const extras = [
    ...(summary.placeholders > 0 ? [`, left ${summary.placeholders} placeholders`] : []),
    ...(summary.skipped > 0
      ? [`, skipped ${summary.skipped} (${formatBytes(summary.skippedBytes)})`]
      : []),
    ...(summary.deletedExtra > 0 ? [`, deleted ${summary.deletedExtra} extra entries`] : []),
    ...(summary.errors > 0 ? [`, ignored ${summary.errors} errors`] : []),
  ];
  return (
    `Restored ${files} files, ${directories} directories and ${symlinks} symbolic links ` +
    `(${formatBytes(bytes)})${extras.join('')}.`
  );
}
