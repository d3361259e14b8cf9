import { EMPTY_STATS, type SnapshotStats } from '../snapshot-manifest.ts';

/** The `stats` of a snapshot manifest while it is being made. Each counter as Kopia counts it; docs/format/snapshot.md. */
export type UploadCounters = { -readonly [Name in keyof SnapshotStats]: SnapshotStats[Name] };

export function newUploadCounters(): UploadCounters {
  return { ...EMPTY_STATS };
}
