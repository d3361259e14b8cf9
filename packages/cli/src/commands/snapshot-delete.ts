import { LongshoreError, writeSession, type Repository } from '@longshore/repo';
import {
  findSnapshotReference,
  formatSource,
  listSnapshots,
  type SnapshotManifest,
} from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import { withWritableRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { argumentList, defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';

export const command: Command = defineCommand({
  summary: 'Delete snapshots.',
  details: 'Their data stay until maintenance finds that nothing else needs them.',
  flags: {
    'all-snapshots-for-source': flag('Delete all snapshots of a source.'),
    delete: flag('Delete, rather than say what would be deleted.'),
    'unsafe-ignore-source': flag('The same as --delete.', { hidden: true }),
  },
  args: { id: argumentList('IDs of snapshots or of their roots, or sources.', { required: true }) },
  showsRequests: true,
  async run(context, { flags, args }) {
    const { signal } = context;
    const confirmed = flags.delete || flags['unsafe-ignore-source'];
    await withWritableRepository(context, async (connection) => {
      const { repository } = connection;
      await writeSession(repository, { signal }, async (writer) => {
        for (const id of args.id) {
          const snapshots = flags['all-snapshots-for-source']
            ? await snapshotsOfSource(context, connection, id)
            : await snapshotsNamed(repository, id, signal);
          for (const snapshot of snapshots) {
            const text = describe(context, snapshot);
            if (confirmed) {
              context.log.info(`Deleting ${text}...`);
              await writer.deleteManifest(snapshot.id);
            } else context.log.info(`Would delete ${text} (pass --delete to confirm)`);
          }
        }
      });
      await maintainIfDue(context, repository);
    });
  },
});

async function snapshotsOfSource(
  context: CommandContext,
  { repository, identity }: Connection,
  text: string,
): Promise<readonly SnapshotManifest[]> {
  const source = sourceOf(context, identity, text);
  const snapshots = await listSnapshots(repository, source, { signal: context.signal });
  if (snapshots.length > 0) return snapshots;
  throw new LongshoreError('MANIFEST_NOT_FOUND', `${formatSource(source)} has no snapshots`);
}

async function snapshotsNamed(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<readonly SnapshotManifest[]> {
  const { snapshots, path } = await findSnapshotReference(repository, id, { signal });
  if (snapshots.length > 0 && path === '') return snapshots;
  throw new LongshoreError(
    'MANIFEST_NOT_FOUND',
    `no snapshot is ${id}, or has it as its root; "longshore snapshot list -a -m" shows all`,
  );
}

function describe({ times }: CommandContext, { id, source, startTime }: SnapshotManifest): string {
  return `snapshot ${id} of ${formatSource(source)} at ${times.show(startTime)}`;
}
