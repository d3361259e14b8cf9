import { describeError, LongshoreError, parseObjectID } from '@longshore/repo';
import {
  findReferencedDirectory,
  findReferencedEntry,
  findSnapshotReference,
  formatSource,
  listSnapshots,
  verifySnapshots,
  type DirEntry,
  type SnapshotManifest,
  type VerifyResult,
  type VerifyRoot,
} from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import { readLimit, withRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { SilentFailure } from '../exit-codes.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { decimal, integer, JSON_FLAGS, texts } from '../grammar/value-flags.ts';
import { printJSON } from '../output/json-output.ts';
import { requestsJSON } from '../output/request-line.ts';
import { formatBytes } from '../output/units.ts';

const FLAGS = {
  'max-errors': integer('Errors after which to stop; negative: never.', { default: 0 }),
  'directory-id': texts('A folder to verify, <object ID>[/path].'),
  'file-id': texts('A file to verify, <object ID>[/path].'),
  'all-sources': flag('Accepted: all sources are verified if none is named.', { hidden: true }),
  sources: texts('Only snapshots of this source.'),
  parallel: integer('Requests to the storage at once.', { default: 8 }),
  'file-queue-length': integer('Accepted: longshore bounds its queues by memory.', {
    default: 20_000,
  }),
  'file-parallelism': integer('Requests to the storage at once, instead of --parallel.', {
    default: 0,
  }),
  'verify-files-percent': decimal('Share of files to read, decrypt and hash, 0 to 100.', {
    default: 0,
  }),
  ...JSON_FLAGS,
};

type VerifyFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'Check that snapshots can be restored.',
  flags: FLAGS,
  args: { 'snapshot-ids': argumentList('IDs of snapshots, or of their roots.') },
  showsRequests: true,
  async run(context, { flags, args }) {
    const percent = flags['verify-files-percent'];
    if (percent < 0 || percent > 100) {
      throw new UsageError('--verify-files-percent must be 0 to 100');
    }
    await withRepository(
      context,
      async (connection) => {
        const snapshots = await snapshotRoots(context, connection, args['snapshot-ids'], flags);
        const objects = await objectRoots(context, connection, flags);
        const roots = [...snapshots, ...objects];
        const result = await verifySnapshots(connection.repository, roots, {
          signal: context.signal,
          ...readLimit(connection.repository),
          verifyFilesPercent: percent,
          randomFraction: Math.random,
          maxErrors: flags['max-errors'],
          parallel: Math.max(1, flags['file-parallelism'] || flags.parallel),
          onEvent: (event) => {
            if (event.type === 'error') {
              context.log.error(describeError(event.error));
              return;
            }
            const { directories, files, bytesRead } = event;
            context.progress.update(
              () => `Verified ${directories + files} objects, read ${formatBytes(bytesRead)}`,
            );
          },
        });
        context.progress.clear();
        if (flags.json) {
          printJSON(context, flags, {
            ...resultJSON(result, snapshots),
            ...requestsJSON(context.requests.counts),
          });
        } else context.log.info(summaryLine(result));
        if (result.errorCount === 0) return;
        const stopped = result.finished ? '' : '; stopped there, --max-errors=-1 goes on';
        context.log.error(`longshore: found ${result.errorCount} error(s)${stopped}`);
        throw new SilentFailure('errors were found');
      },
      { parallel: percent > 0, recentFormat: true },
    );
  },
});

interface SnapshotRoot {
  readonly name: string;
  readonly entry: DirEntry;
}

/** The snapshots that were asked for; all if nothing was. */
async function snapshotRoots(
  context: CommandContext,
  { repository, identity }: Connection,
  ids: readonly string[],
  flags: VerifyFlags,
): Promise<readonly SnapshotRoot[]> {
  const { signal } = context;
  const { sources, 'directory-id': directories, 'file-id': files } = flags;
  const snapshots: SnapshotManifest[] = [];
  for (const text of sources) {
    const source = sourceOf(context, identity, text);
    snapshots.push(...(await listSnapshots(repository, source, { signal })));
  }
  for (const id of ids) {
    const { snapshots: found } = await findSnapshotReference(repository, id, { signal });
    if (found.length === 0) {
      throw new LongshoreError(
        'MANIFEST_NOT_FOUND',
        `no snapshot is ${id}; "longshore snapshot list -a -m" shows all`,
      );
    }
    snapshots.push(...found);
  }
  if (sources.length + ids.length + directories.length + files.length === 0) {
    snapshots.push(...(await listSnapshots(repository, undefined, { signal })));
  }
  return snapshots.flatMap(({ source, startTime, rootEntry }) =>
    rootEntry === undefined
      ? []
      : [{ name: `${formatSource(source)}@${context.times.show(startTime)}`, entry: rootEntry }],
  );
}

/** What was named by the ID of an object. As in Kopia --file-id may name a folder, --directory-id no file. */
async function objectRoots(
  { signal }: CommandContext,
  { repository }: Connection,
  { 'directory-id': directories, 'file-id': files }: VerifyFlags,
): Promise<readonly VerifyRoot[]> {
  const roots: VerifyRoot[] = [];
  for (const name of directories) {
    roots.push(
      name.includes('/')
        ? { name, entry: await findReferencedDirectory(repository, name, { signal }) }
        : { name, objectID: parseObjectID(name), type: 'd' },
    );
  }
  for (const name of files) {
    roots.push(
      name.includes('/')
        ? { name, entry: await findReferencedEntry(repository, name, { signal }) }
        : { name, objectID: parseObjectID(name) },
    );
  }
  return roots;
}

function summaryLine(result: VerifyResult): string {
  const { directories, files, fileBytes, filesRead, bytesRead } = result;
  return (
    `Finished processing ${directories + files} objects (${formatBytes(fileBytes)}). ` +
    `Read ${filesRead} files (${formatBytes(bytesRead)}).`
  );
}

/** Kopia's members. As there, only the summaries of folders say what is expected. */
function resultJSON(result: VerifyResult, snapshots: readonly SnapshotRoot[]): object {
  const expected = { objects: 0, files: 0, bytes: 0 };
  for (const { entry } of snapshots) {
    if (entry.type !== 'd' || entry.summary === undefined) continue;
    const { files, dirs, symlinks, size } = entry.summary;
    expected.objects += files + dirs + symlinks;
    expected.files += files;
    expected.bytes += size;
  }
  const errors = result.errors.map(({ error }) => describeError(error));
  return {
    stats: {
      processedObjectCount: result.directories + result.files,
      processedBytes: result.fileBytes,
      readFileCount: result.filesRead,
      readBytes: result.bytesRead,
      expectedTotalObjectCount: expected.objects,
      expectedTotalFileCount: expected.files,
      expectedTotalBytes: expected.bytes,
    },
    errorCount: result.errorCount,
    errorStrings: errors.length === 0 ? undefined : errors,
  };
}
