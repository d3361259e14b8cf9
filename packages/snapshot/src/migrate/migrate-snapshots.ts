import {
  abortOptions,
  createSystemClock,
  errorCode,
  forEachLimit,
  systemSleep,
  webRandomSource,
  type AbortOptions,
  type Repository,
  type RepositoryWriter,
  type WritableRepository,
} from '@longshore/repo';
import { CACHE_DIRECTORY_TAG_NAME } from '../policy/cache-directory.ts';
import type { Policy } from '../policy/policy.ts';
import { getPolicy, listPolicies, loadPolicyTree, setPolicy } from '../policy/policy-store.ts';
import { findPreviousSnapshots } from '../previous-snapshots.ts';
import {
  compareSnapshotTimes,
  type SnapshotDraft,
  type SnapshotManifest,
} from '../snapshot-manifest.ts';
import { listSnapshots, saveSnapshot } from '../snapshot-store.ts';
import type { SourceInfo } from '../source-info.ts';
import type { UploadEvent } from '../upload/upload-events.ts';
import type { UploadLogOptions } from '../upload/upload-log.ts';
import { uploadTree } from '../upload/uploader.ts';
import { openRepositorySource } from './repository-source.ts';

const DEFAULT_PARALLELISM = 4;

export type MigrateEvent =
  | { readonly type: 'started' | 'existing' | 'incomplete'; readonly snapshot: SnapshotManifest }
  /** `saved` may lack what could not be read: see its root's summary. */
  | {
      readonly type: 'migrated';
      readonly snapshot: SnapshotManifest;
      readonly saved: SnapshotManifest;
    }
  /** The rest of this source is not migrated; that of the others is. */
  | { readonly type: 'source-failed'; readonly source: SourceInfo; readonly error: unknown }
  | { readonly type: 'upload'; readonly source: SourceInfo; readonly event: UploadEvent };

export interface MigrateOptions extends AbortOptions {
  readonly sources: readonly SourceInfo[];
  /** Only the newest snapshot of each source. */
  readonly latestOnly?: boolean;
  /** Leave out what the policies of the receiving repository exclude. Default: everything is stored. */
  readonly applyIgnoreRules?: boolean;
  /** Sources at once; default 1. */
  readonly parallel?: number;
  /** Ends after what is being read: the snapshot that is under way is not saved. */
  readonly stopSignal?: AbortSignal;
  readonly onEvent?: (event: MigrateEvent) => void;
  /** Who reads the lines that logging policies ask for; default: nobody. */
  readonly log?: UploadLogOptions | undefined;
}

/**
 * Uploads snapshots of another repository again, oldest first, with the splitter, compression and encryption of this
 * one. They keep their times, descriptions, tags and pins. One with the same source and start counts as migrated, so
 * that a migration that was interrupted goes on. Each is committed on its own.
 */
export async function migrateSnapshots(
  from: Repository,
  to: WritableRepository,
  options: MigrateOptions,
): Promise<void> {
  const { sources, parallel = 1, signal, onEvent } = options;
  await forEachLimit(
    sources,
    { parallelism: Math.max(1, parallel), ...abortOptions({ signal }) },
    async (source, sourceSignal) => {
      try {
        await migrateSource(from, to, source, { ...options, signal: sourceSignal });
      } catch (error) {
        sourceSignal.throwIfAborted();
        if (errorCode(error) === undefined) throw error;
        onEvent?.({ type: 'source-failed', source, error });
      }
    },
  );
}

async function migrateSource(
  from: Repository,
  to: WritableRepository,
  source: SourceInfo,
  options: MigrateOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { latestOnly = false, signal, stopSignal, onEvent } = options;
  const snapshots = [...(await listSnapshots(from, source, { signal }))].sort(compareSnapshotTimes);
  await using writer = to.newWriter({ signal });
  for (const snapshot of latestOnly ? snapshots.slice(-1) : snapshots) {
    if (stopSignal?.aborted === true) return;
    const existing = await listSnapshots(writer, source, { signal });
    if (snapshot.incomplete !== undefined || snapshot.rootEntry === undefined) {
      onEvent?.({ type: 'incomplete', snapshot });
    } else if (existing.some(({ startTime }) => startTime === snapshot.startTime)) {
      onEvent?.({ type: 'existing', snapshot });
    } else {
      onEvent?.({ type: 'started', snapshot });
      const draft = await uploadAgain(from, writer, snapshot, options);
      if (draft.incomplete !== undefined) return;
      const saved = await saveSnapshot(writer, draft);
      await writer.flush({ signal });
      onEvent?.({ type: 'migrated', snapshot, saved });
    }
  }
}

async function uploadAgain(
  from: Repository,
  writer: RepositoryWriter,
  snapshot: SnapshotManifest,
  { applyIgnoreRules = false, signal, stopSignal, onEvent, log }: MigrateOptions,
): Promise<SnapshotDraft> {
  const { source, rootEntry, startTime, endTime, description, tags, pins } = snapshot;
  const abort = abortOptions({ signal });
  const policy = await loadPolicyTree(writer, source, abort);
  const previous = await findPreviousSnapshots(writer, source, {
    ...abort,
    noLaterThan: startTime,
  });
  const preloaded = applyIgnoreRules
    ? await ignoreFileNames(writer, policy.policy, abort)
    : new Set<string>();
  const uploaded = await uploadTree(writer, openRepositorySource(from, rootEntry!, { preloaded }), {
    source,
    policy,
    previous,
    applyIgnoreRules,
    clock: createSystemClock(),
    random: webRandomSource,
    sleep: systemSleep,
    defaultParallelism: DEFAULT_PARALLELISM,
    onEvent: (event) => onEvent?.({ type: 'upload', source, event }),
    log,
    ...abort,
    stopSignal,
  });
  return { ...uploaded, startTime, endTime, description, tags, pins };
}

/** Those of any policy: subfolders may have their own. */
async function ignoreFileNames(
  repository: Repository,
  policy: Policy,
  options: AbortOptions,
): Promise<ReadonlySet<string>> {
  const all = [policy, ...(await listPolicies(repository, options)).map((each) => each.policy)];
  const names = all.flatMap(({ files }) => files.ignoreDotFiles ?? []);
  return new Set([...names, CACHE_DIRECTORY_TAG_NAME]);
}

export interface MigratePoliciesOptions extends AbortOptions {
  /** Undefined: all. */
  readonly targets?: readonly SourceInfo[] | undefined;
  /** Replace policies that are there already. */
  readonly overwrite?: boolean;
  readonly onEvent?: (event: {
    readonly type: 'migrated' | 'existing';
    readonly target: SourceInfo;
  }) => void;
}

/** Copies policies from another repository; the writer's flush makes it permanent. */
export async function migratePolicies(
  from: Repository,
  writer: RepositoryWriter,
  { targets, overwrite = false, onEvent, ...options }: MigratePoliciesOptions = {},
): Promise<void> {
  const wanted = targets ?? (await listPolicies(from, options)).map(({ target }) => target);
  for (const target of wanted) {
    const policy = await getPolicy(from, target, options);
    if (policy === undefined) continue;
    const isThere = (await getPolicy(writer, target, options)) !== undefined;
    onEvent?.({ type: isThere && !overwrite ? 'existing' : 'migrated', target });
    if (isThere && !overwrite) continue;
    await setPolicy(writer, target, policy.policy);
  }
}
