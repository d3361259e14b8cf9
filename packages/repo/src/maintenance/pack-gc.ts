import { abortOptions, type BlobMetadata } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '../clock.ts';
import { sessionIDOf } from '../content/session-id.ts';
import { listSessions, type ListedSession } from '../content/write-session.ts';
import { LongshoreError } from '../errors.ts';
import { forEachLimit } from '../parallel.ts';
import { refuseLostIndex } from './lost-index.ts';
import { packTotals } from './referenced-packs.ts';
import type { SafetyParameters } from './safety.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { deletionParallelism, totalLength } from './task-storage.ts';

/** Blobs that only an index entry, or a live session, keeps: packs, packs of metadata, session markers. */
export const COLLECTED_PREFIXES = ['p', 'q', 's'] as const;

/** Slack for storages whose clock is coarse. Kopia's constant. */
const START_SLACK: EpochNanoseconds = NANOSECONDS_PER_SECOND;

/** Why a blob that nothing refers to has to stay for now. */
export type RetentionReason = 'written-meanwhile' | 'too-young' | 'live-session';

/** Undefined: it may be deleted. */
export function whyRetained(
  { id, timestamp }: Pick<BlobMetadata, 'id' | 'timestamp'>,
  sessions: ReadonlyMap<string, Pick<ListedSession, 'checkpointTime'>>,
  startTime: EpochNanoseconds,
  safety: SafetyParameters,
): RetentionReason | undefined {
  const cutoff = startTime + START_SLACK;
  if (timestamp > cutoff) return 'written-meanwhile';
  if (cutoff - timestamp < safety.packDeleteMinAge) return 'too-young';
  const session = sessions.get(sessionIDOf(id) ?? '');
  if (session === undefined) return undefined;
  return cutoff - session.checkpointTime < safety.sessionExpirationAge ? 'live-session' : undefined;
}

/**
 * Deletes packs and session markers that nothing refers to and that are old enough. What is looked at comes
 * in this order: the sessions, the packs, the sessions again, then the index once more. A writer goes the other way (marker,
 * packs, index, end of the marker), so whoever committed a listed pack is seen in one of the two.
 */
export async function deleteUnreferencedBlobs(
  context: TaskContext,
  prefixes: readonly string[],
): Promise<MaintenanceStatistics> {
  for (const prefix of prefixes) refuseUncollected(prefix);
  const { repository, startTime, safety, dryRun } = context;
  const { storage, sealer } = repository;
  const abort = abortOptions(context);
  // A listing that is short by a marker would give up a live session: it takes two of them.
  const earlier = await listSessions(storage, sealer, abort);
  const candidates = await listUnreferenced(context, prefixes);
  const later = await listSessions(storage, sealer, abort);
  const sessions = new Map(earlier);
  for (const [id, session] of later) {
    const known = sessions.get(id);
    if (known === undefined || session.checkpointTime > known.checkpointTime)
      sessions.set(id, session);
  }
  await repository.refresh(abort);
  await refuseLostIndex(repository, abort);
  const referenced = packTotals(repository.contents);
  const deletable: BlobMetadata[] = [];
  const retained: BlobMetadata[] = [];
  for (const blob of candidates) {
    if (referenced.has(blob.id)) continue;
    const isRetained = whyRetained(blob, sessions, startTime, safety) !== undefined;
    (isRetained ? retained : deletable).push(blob);
  }
  for (const { id, length } of deletable) {
    const reason = isMarker({ id })
      ? 'its session ended or was given up'
      : 'no content in the index lies in it';
    context.onChange({ action: 'delete-blob', id, bytes: length, reason });
  }
  if (!dryRun) await deleteAll(context, deletable);
  const deleted = dryRun ? [] : deletable;
  return {
    kind: 'deleteUnreferencedPacksStats',
    data: {
      unreferencedPackCount: deletable.length,
      unreferencedTotalSize: totalLength(deletable),
      deletedPackCount: deleted.length,
      deletedTotalSize: totalLength(deleted),
      retainedPackCount: retained.length,
      retainedTotalSize: totalLength(retained),
    },
  };
}

/** Nothing else becomes garbage because no index names it: index blobs do not, nor does the format. */
function refuseUncollected(prefix: string): void {
  if (COLLECTED_PREFIXES.some((collected) => prefix.startsWith(collected))) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `blobs that begin with ${JSON.stringify(prefix)} are no garbage, only those that begin with ` +
      COLLECTED_PREFIXES.join(', '),
  );
}

async function listUnreferenced(
  context: TaskContext,
  prefixes: readonly string[],
): Promise<readonly BlobMetadata[]> {
  const { storage, contents } = context.repository;
  const referenced = packTotals(contents);
  const unreferenced: BlobMetadata[] = [];
  for (const prefix of prefixes) {
    for await (const blob of storage.listBlobs(prefix, abortOptions(context))) {
      if (!referenced.has(blob.id)) unreferenced.push(blob);
    }
  }
  return unreferenced;
}

/** Packs first: while a marker is there, what is left of its session is known to be a session's. */
async function deleteAll(context: TaskContext, blobs: readonly BlobMetadata[]): Promise<void> {
  const { storage } = context.repository;
  const options = { parallelism: deletionParallelism(context), ...abortOptions(context) };
  for (const group of [blobs.filter((blob) => !isMarker(blob)), blobs.filter(isMarker)]) {
    await forEachLimit(group, options, ({ id }, signal) => storage.deleteBlob(id, { signal }));
  }
}

function isMarker({ id }: Pick<BlobMetadata, 'id'>): boolean {
  return id.startsWith('s');
}
