import { describeError, LongshoreError, type Repository } from '@longshore/repo';
import {
  encodeDirEntry,
  findEntry,
  findReferencedEntry,
  findSnapshotReference,
  formatSource,
  listSnapshots,
  pathAndParents,
  type DirEntry,
  type SnapshotManifest,
} from '@longshore/snapshot';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { parseTimeLimit } from '../output/parse-time.ts';
import { sourceOf } from './sources.ts';
import type { Connection } from './with-repository.ts';

export interface RestoreSourceOptions {
  /** `latest`, `oldest`, or a time that the snapshot must not be later than. */
  readonly snapshotTime: string;
  /** Refuse to choose among snapshots whose roots differ in their attributes only. */
  readonly consistentAttributes: boolean;
}

/** What to restore: named by an ID, or by a path that some snapshot holds. */
export async function restoreSource(
  context: CommandContext,
  connection: Connection,
  text: string,
  options: RestoreSourceOptions,
): Promise<DirEntry> {
  const { repository } = connection;
  const { signal } = context;
  if (looksLikeID(text)) {
    if (options.consistentAttributes) await refuseAmbiguity(repository, text, signal);
    return findReferencedEntry(repository, text, { signal });
  }
  return entryOfPath(context, connection, text, options.snapshotTime);
}

/** An object or manifest ID is hex digits behind at most a few letters; anything else is a path. */
function looksLikeID(text: string): boolean {
  return /^(?:D|I+|Z)*[g-z]?[0-9a-f]{16,}(?:[/\\].*)?$/.test(text);
}

async function refuseAmbiguity(
  repository: Repository,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const { snapshots, path } = await findSnapshotReference(repository, text, { signal });
  const roots = snapshots.map(({ rootEntry }) => rootEntry && encodeDirEntry(rootEntry));
  if (path !== '' || new Set(roots).size < 2) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `${text} is the root of several snapshots with other attributes; name one by its ID from "longshore snapshot list -m"`,
  );
}

async function entryOfPath(
  context: CommandContext,
  connection: Connection,
  text: string,
  snapshotTime: string,
): Promise<DirEntry> {
  const { repository, identity } = connection;
  const { signal } = context;
  const wanted = sourceOf(context, identity, text);
  if (wanted.path === '') throw new UsageError(`${JSON.stringify(text)} names no path`);
  const candidates = await snapshotsAbove(repository, wanted, signal);
  for (const snapshot of inOrder(candidates, snapshotTime)) {
    if (snapshot.rootEntry === undefined) continue;
    const below = wanted.path.slice(snapshot.source.path.length).replace(/^\//, '');
    try {
      const entry = await findEntry(repository, snapshot.rootEntry, below, { signal });
      context.log.info(
        `Restoring from\n   Snapshot source: ${formatSource(snapshot.source)}\n` +
          `   Snapshot time: ${context.times.show(snapshot.startTime)}\n` +
          `   Relative path: ${below}\n   Object ID: ${entry.objectID ?? ''}`,
      );
      return entry;
    } catch (error) {
      signal.throwIfAborted();
      context.log.debug(`snapshot ${snapshot.id}: ${describeError(error)}`);
    }
  }
  throw new LongshoreError(
    'PATH_NOT_FOUND',
    `no snapshot holds ${formatSource(wanted)}; "longshore snapshot list --all" shows what there is`,
  );
}

async function snapshotsAbove(
  repository: Repository,
  wanted: { readonly host: string; readonly userName: string; readonly path: string },
  signal: AbortSignal,
): Promise<readonly SnapshotManifest[]> {
  const found: SnapshotManifest[] = [];
  for (const path of pathAndParents(wanted.path)) {
    found.push(...(await listSnapshots(repository, { ...wanted, path }, { signal })));
  }
  return found;
}

/** The best one first. */
function inOrder(
  snapshots: readonly SnapshotManifest[],
  snapshotTime: string,
): readonly SnapshotManifest[] {
  const newestFirst = snapshots.toSorted((a, b) => (a.startTime > b.startTime ? -1 : 1));
  if (snapshotTime === 'latest') return newestFirst;
  if (snapshotTime === 'oldest') return newestFirst.toReversed();
  const limit = parseTimeLimit(snapshotTime, BigInt(Date.now()) * 1_000_000n);
  return newestFirst.filter(({ startTime }) => startTime < limit);
}
