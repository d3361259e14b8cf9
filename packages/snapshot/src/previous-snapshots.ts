import type { AbortOptions, EpochNanoseconds, Repository } from '@longshore/repo';
import type { SnapshotManifest } from './snapshot-manifest.ts';
import { listSnapshots } from './snapshot-store.ts';
import type { SourceInfo } from './source-info.ts';

export interface PreviousSnapshotsOptions extends AbortOptions {
  /** Leave out snapshots that started later. */
  readonly noLaterThan?: EpochNanoseconds | undefined;
}

/** The snapshots in which an upload of `source` looks for unchanged entries, in this order. */
export async function findPreviousSnapshots(
  repository: Repository,
  source: SourceInfo,
  options: PreviousSnapshotsOptions = {},
): Promise<readonly SnapshotManifest[]> {
  return selectPreviousSnapshots(
    await listSnapshots(repository, source, options),
    options.noLaterThan,
  );
}

/** The complete snapshot that started last, then every incomplete one that started after it, as listed. */
export function selectPreviousSnapshots(
  snapshots: readonly SnapshotManifest[],
  noLaterThan?: EpochNanoseconds,
): readonly SnapshotManifest[] {
  const candidates = snapshots.filter(
    ({ startTime }) => noLaterThan === undefined || startTime <= noLaterThan,
  );
  const complete = candidates
    .filter(({ incomplete }) => incomplete === undefined)
    .reduce<SnapshotManifest | undefined>(
      (latest, next) => (latest === undefined || next.startTime > latest.startTime ? next : latest),
      undefined,
    );
  const later = candidates.filter(
    ({ incomplete, startTime }) =>
      incomplete !== undefined && (complete === undefined || startTime > complete.startTime),
  );
  return complete === undefined ? later : [complete, ...later];
}
