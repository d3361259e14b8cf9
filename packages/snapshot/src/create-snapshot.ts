import {
  abortOptions,
  createSystemClock,
  systemSleep,
  webRandomSource,
  type AbortOptions,
  type ManifestID,
  type RepositoryWriter,
} from '@longshore/repo';
import { timeZoneOffset, type UTCOffset } from './civil-time.ts';
import type { DirectoryEntry, FileEntry } from './entry.ts';
import { getEffectivePolicy, loadPolicyTree } from './policy/policy-store.ts';
import { findPreviousSnapshots } from './previous-snapshots.ts';
import { expiredSnapshots } from './retention.ts';
import type { SnapshotDraft, SnapshotManifest } from './snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from './snapshot-store.ts';
import type { SourceInfo } from './source-info.ts';
import {
  DEFAULT_CHECKPOINT_INTERVAL_MS,
  uploadTree,
  type UploadOptions,
} from './upload/uploader.ts';

/** Files read at once where neither the caller nor the policy says. */
const DEFAULT_PARALLELISM = 4;

type DefaultedUploadOptions = 'policy' | 'previous' | 'clock' | 'random' | 'sleep' | 'checkpoints';

export interface CreateSnapshotOptions
  extends
    Omit<UploadOptions, DefaultedUploadOptions | 'defaultParallelism'>,
    Partial<Pick<UploadOptions, 'clock' | 'random' | 'sleep' | 'defaultParallelism'>> {
  readonly description?: string;
  /** Become labels. Kopia's command line writes `tag:<key>`. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly pins?: readonly string[];
  /** Milliseconds between checkpoints; default and most: 45 minutes. 0: none. */
  readonly checkpointIntervalMs?: number;
  /** Labels of checkpoints. */
  readonly checkpointTags?: Readonly<Record<string, string>>;
  /** Instead of when the upload ran. */
  readonly startTime?: bigint;
  readonly endTime?: bigint;
  /** In whose weeks and days retention counts; default: this machine's. */
  readonly localTime?: UTCOffset;
}

export interface CreatedSnapshot {
  /** Undefined: identical to the previous one, and the policy says to keep only that. */
  readonly snapshot: SnapshotManifest | undefined;
  readonly draft: SnapshotDraft;
  /** Snapshots of the source that retention removed. */
  readonly expired: readonly SnapshotManifest[];
}

/**
 * Backs up a tree as a snapshot of `source`: unchanged entries come from the snapshots before, the policy
 * of the source decides the rest, and its retention is applied at the end. Everything is committed when
 * it resolves.
 */
export async function createSnapshot(
  writer: RepositoryWriter,
  root: DirectoryEntry | FileEntry,
  options: CreateSnapshotOptions,
): Promise<CreatedSnapshot> {
  const { source } = options;
  const abort = abortOptions(options);
  const localTime = options.localTime ?? machineTimeZone();
  const previous = await findPreviousSnapshots(writer, source, abort);
  const policy = await loadPolicyTree(writer, source, abort);
  const uploaded = await uploadTree(writer, root, {
    clock: createSystemClock(),
    random: webRandomSource,
    sleep: systemSleep,
    defaultParallelism: DEFAULT_PARALLELISM,
    ...options,
    policy,
    previous,
    ...checkpointOptions(writer, options, localTime),
  });
  const draft: SnapshotDraft = {
    ...uploaded,
    ...snapshotTimes(uploaded, options),
    description: options.description ?? '',
    tags: options.tags ?? {},
    pins: [...(options.pins ?? [])].sort(),
  };
  const identical =
    policy.policy.retention.ignoreIdenticalSnapshots === true &&
    previous[0]?.rootEntry?.objectID === draft.rootEntry?.objectID;
  if (identical) {
    await writer.flush(abort);
    return { snapshot: undefined, draft, expired: [] };
  }
  const snapshot = await saveSnapshot(writer, draft);
  const expired = await applyRetention(writer, source, localTime, { ...abort, keep: snapshot.id });
  await writer.flush(abort);
  return { snapshot, draft, expired };
}

/** Where only one of the times is given, the other one keeps the time that the upload took. */
function snapshotTimes(
  uploaded: SnapshotDraft,
  { startTime, endTime }: Pick<CreateSnapshotOptions, 'startTime' | 'endTime'>,
): Pick<SnapshotDraft, 'startTime' | 'endTime'> {
  const duration = uploaded.endTime - uploaded.startTime;
  const start = startTime ?? (endTime === undefined ? uploaded.startTime : endTime - duration);
  return { startTime: start, endTime: endTime ?? start + duration };
}

/** Deletes the snapshots of a source that its policy does not keep; the writer's flush makes it permanent. */
export async function applyRetention(
  writer: RepositoryWriter,
  source: SourceInfo,
  localTime: UTCOffset = machineTimeZone(),
  options: AbortOptions & { readonly keep?: ManifestID } = {},
): Promise<readonly SnapshotManifest[]> {
  const { policy } = await getEffectivePolicy(writer, source, options);
  const snapshots = await listSnapshots(writer, source, options);
  // With a start time in the past, the snapshot that was just made may be one to go at the next run.
  const expired = expiredSnapshots(snapshots, policy.retention, localTime).filter(
    ({ id }) => id !== options.keep,
  );
  for (const { id } of expired) await writer.deleteManifest(id);
  return expired;
}

function machineTimeZone(): UTCOffset {
  return timeZoneOffset(new Intl.DateTimeFormat().resolvedOptions().timeZone);
}

function checkpointOptions(
  writer: RepositoryWriter,
  options: CreateSnapshotOptions,
  localTime: UTCOffset,
): Pick<UploadOptions, 'checkpoints'> {
  const intervalMs = Math.min(
    options.checkpointIntervalMs ?? DEFAULT_CHECKPOINT_INTERVAL_MS,
    DEFAULT_CHECKPOINT_INTERVAL_MS,
  );
  if (intervalMs <= 0) return {};
  const save = async (draft: SnapshotDraft): Promise<ManifestID> => {
    const tags = options.checkpointTags ?? {};
    const { id } = await saveSnapshot(writer, { ...draft, tags });
    await applyRetention(writer, options.source, localTime, abortOptions(options));
    await writer.flush(abortOptions(options));
    return id;
  };
  return { checkpoints: { intervalMs, save } };
}
