import {
  describeError,
  LongshoreError,
  parseManifestID,
  type OpenWritableRepository,
  type RepositoryWriter,
} from '@longshore/repo';
import {
  compareSnapshotTimes,
  formatSource,
  listSnapshots,
  loadSnapshot,
  type FixEvent,
  type FixOptions,
  type SnapshotManifest,
} from '@longshore/snapshot';
import { sourceOf } from '../connection/sources.ts';
import { withWritableRepository, type Connection } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { flag, type Flags, type FlagValues } from '../grammar/flag.ts';
import { integer, oneOf, texts } from '../grammar/value-flags.ts';
import { maintainIfDue } from '../maintenance/automatic-maintenance.ts';
import { formatBytes } from '../output/units.ts';

const DEFAULT_PARALLEL = 4;

/** Flags of all commands that fix snapshots. */
export const FIX_FLAGS = {
  'manifest-id': texts('Fix the snapshot with this manifest (default: all snapshots).'),
  source: texts('Fix the snapshots of this source.'),
  commit: flag('Save what was fixed, rather than say what would be.'),
  parallel: integer('Entries looked at at once.'),
  'invalid-directory-handling': oneOf(['stub', 'fail', 'keep'])(
    'What to do with folders that cannot be read.',
    { default: 'stub' },
  ),
} as const satisfies Flags;

/** Runs `fix` on the snapshots that the flags name. Without `--commit` nothing stays in the repository. */
export async function runFix(
  context: CommandContext,
  flags: FlagValues<typeof FIX_FLAGS>,
  fix: (writer: RepositoryWriter, options: FixOptions) => Promise<number>,
): Promise<void> {
  const { log } = context;
  await withWritableRepository(context, async (connection) => {
    const { repository } = connection;
    const fixed = await fixSnapshots(context, connection, flags, fix);
    if (fixed === 0) log.info('No changes.');
    else if (flags.commit) log.info(`Fixed and committed ${fixed} snapshots.`);
    else log.info(`Would fix ${fixed} snapshots (pass --commit to confirm).`);
    await maintainIfDue(context, repository);
  });
}

async function fixSnapshots(
  context: CommandContext,
  connection: Connection<OpenWritableRepository>,
  flags: FlagValues<typeof FIX_FLAGS>,
  fix: (writer: RepositoryWriter, options: FixOptions) => Promise<number>,
): Promise<number> {
  const { signal } = context;
  const snapshots = await snapshotsOf(context, connection, flags);
  await using writer = connection.repository.newWriter({ signal });
  const fixed = await fix(writer, {
    snapshots,
    commit: flags.commit,
    unreadableDirectories: flags['invalid-directory-handling'],
    parallel: Math.max(1, flags.parallel ?? DEFAULT_PARALLEL),
    signal,
    onEvent: (event) => report(context, event),
  });
  if (flags.commit) await writer.flush({ signal });
  return fixed;
}

/** By source, oldest first. */
async function snapshotsOf(
  context: CommandContext,
  { repository, identity }: Connection<OpenWritableRepository>,
  flags: FlagValues<typeof FIX_FLAGS>,
): Promise<readonly SnapshotManifest[]> {
  const { signal } = context;
  const found = new Map<string, SnapshotManifest>();
  for (const id of flags['manifest-id']) {
    found.set(id, await loadSnapshot(repository, parseManifestID(id), { signal }));
  }
  for (const text of flags.source) {
    const source = sourceOf(context, identity, text);
    const snapshots = await listSnapshots(repository, source, { signal });
    if (snapshots.length === 0) {
      throw new LongshoreError('MANIFEST_NOT_FOUND', `${formatSource(source)} has no snapshots`);
    }
    for (const snapshot of snapshots) found.set(snapshot.id, snapshot);
  }
  if (flags['manifest-id'].length + flags.source.length === 0) {
    for (const snapshot of await listSnapshots(repository, undefined, { signal })) {
      found.set(snapshot.id, snapshot);
    }
  }
  return [...found.values()].sort((a, b) => {
    const [left, right] = [formatSource(a.source), formatSource(b.source)];
    return left === right ? compareSnapshotTimes(a, b) : left < right ? -1 : 1;
  });
}

function report({ log, times }: CommandContext, event: FixEvent): void {
  switch (event.type) {
    case 'entry-invalid':
      log.warning(`${event.path || '/'} cannot be read: ${describeError(event.error)}`);
      return;
    case 'entry-removed':
      log.info(`removing ${event.path || '/'}`);
      return;
    case 'snapshot-unchanged': {
      const { snapshot } = event;
      log.info(`  ${times.show(snapshot.startTime)} unchanged (${snapshot.id})`);
      return;
    }
    case 'snapshot-fixed': {
      const { before, after } = event;
      log.info(`  ${times.show(before.startTime)} replaced ${before.id} by ${after.id}`);
      log.info(`    diff ${before.rootEntry?.objectID ?? ''} ${after.rootEntry?.objectID ?? ''}`);
      const delta = (after.rootEntry?.summary?.size ?? 0) - (before.rootEntry?.summary?.size ?? 0);
      if (delta !== 0) {
        log.info(`    delta:${delta < 0 ? '-' : '+'}${formatBytes(Math.abs(delta))}`);
      }
    }
  }
}
