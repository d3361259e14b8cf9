import { snapshotPayload, type SnapshotManifest } from '@longshore/snapshot';

/** A snapshot as Kopia prints it: with its ID, and whatever is known beside what is stored. */
export function snapshotJSON(
  snapshot: SnapshotManifest,
  options: {
    readonly withStats: boolean;
    readonly storageStats?: object;
    readonly retentionReasons?: readonly string[];
  },
): object {
  const { storageStats, retentionReasons = [] } = options;
  const payload: Record<string, unknown> = { ...snapshotPayload(snapshot), id: snapshot.id };
  if (!options.withStats) payload['stats'] = undefined;
  if (storageStats !== undefined) payload['storageStats'] = storageStats;
  if (retentionReasons.length > 0) payload['retentionReason'] = retentionReasons;
  return payload;
}
