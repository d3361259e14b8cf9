import type {
  Clock,
  ContentInfo,
  ManifestID,
  RandomSource,
  RepositoryWriter,
  Sleep,
} from '@longshore/repo';
import type { DirEntry, IncompleteReason } from '../dir-manifest.ts';
import { NO_ACTIONS, type SnapshotActions } from '../actions/snapshot-actions.ts';
import type { DirectoryEntry, FileEntry } from '../entry.ts';
import { IgnoreContext } from '../policy/ignore-context.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';
import { EMPTY_STATS, type SnapshotDraft, type SnapshotManifest } from '../snapshot-manifest.ts';
import type { SourceInfo } from '../source-info.ts';
import { DirectoryUpload } from './directory-upload.ts';
import { SingleFileUpload } from './single-file-upload.ts';
import type { UploadEvent } from './upload-events.ts';
import type { UploadLogOptions } from './upload-log.ts';
import { UploadRun } from './upload-run.ts';

/** Kopia's longest time between checkpoints, in milliseconds. */
export const DEFAULT_CHECKPOINT_INTERVAL_MS: number = 45 * 60 * 1000;

export interface UploadOptions {
  readonly source: SourceInfo;
  /** Root of the policy tree for the source. */
  readonly policy: PolicyNode;
  /** Snapshots in which unchanged entries are looked for, in this order. */
  readonly previous?: readonly SnapshotManifest[];
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: Sleep;
  /** Entries worked on at once; default: the policy's, else `defaultParallelism`. */
  readonly parallelism?: number | undefined;
  readonly defaultParallelism: number;
  /** Bytes read, after which the upload stops with what it has. */
  readonly uploadLimitBytes?: number | undefined;
  /** End in order, with an incomplete snapshot, at the first error that the policy does not ignore. */
  readonly failFast?: boolean;
  /** 0 to 100: share of unchanged files that are read all the same. */
  readonly forceHashPercent?: number;
  /** Default true. False: everything is stored, whatever rules the policy and the tree have. */
  readonly applyIgnoreRules?: boolean;
  /**
   * Heal: false for a content that an index names and the storage has lost, so that unchanged files which stand on it
   * are read again. The writer is to have the same. See `StoredPacks`.
   */
  readonly isStored?: ((info: ContentInfo) => boolean) | undefined;
  /** Default: no program of a policy is run. */
  readonly actions?: SnapshotActions | undefined;
  /** Stores a partial snapshot from time to time, from which a later run goes on. */
  readonly checkpoints?: {
    readonly intervalMs: number;
    readonly save: (draft: SnapshotDraft) => Promise<ManifestID>;
  };
  readonly onEvent?: (event: UploadEvent) => void;
  /** Who reads the lines that the logging policy asks for; default: nobody. */
  readonly log?: UploadLogOptions | undefined;
  /** Ends the upload at once; nothing is saved. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the upload in order: what is done becomes an incomplete snapshot. */
  readonly stopSignal?: AbortSignal | undefined;
}

/**
 * Stores a tree and returns the snapshot, which is not saved yet: description, tags and pins are the
 * caller's. Throws if the root cannot be read or the repository fails.
 */
export async function uploadTree(
  writer: RepositoryWriter,
  root: DirectoryEntry | FileEntry,
  options: UploadOptions,
): Promise<SnapshotDraft> {
  const { clock, source } = options;
  const startTime = clock();
  const failure = new AbortController();
  const signal =
    options.signal === undefined
      ? failure.signal
      : AbortSignal.any([options.signal, failure.signal]);
  const run = newRun(writer, options, signal);
  const draft = (rootEntry: DirEntry, incomplete: IncompleteReason | undefined): SnapshotDraft => ({
    source,
    description: '',
    startTime,
    endTime: clock(),
    stats: incomplete === 'checkpoint' ? EMPTY_STATS : { ...run.counters },
    ...(incomplete === undefined ? {} : { incomplete }),
    rootEntry,
    tags: {},
    pins: [],
  });
  const ending: Ending = { failure, signal, draft };
  if (root.type === 'f') {
    const upload = new SingleFileUpload(run, root, options.policy);
    return draft(await uploadRoot(upload, options, ending), undefined);
  }
  return run.actions.around(
    { scope: 'snapshot-root', directory: root, path: '', policyNode: options.policy },
    async (directory) => {
      const upload = await rootDirectoryUpload(run, directory, options);
      return draft(await uploadRoot(upload, options, ending), run.incompleteReason());
    },
    { signal },
  );
}

/** The root of a snapshot on its way. */
interface RootUpload {
  run(): Promise<DirEntry>;
  /** What is stored so far, as a root; undefined if that is nothing. */
  checkpoint(): Promise<DirEntry | undefined>;
}

/** What ends one upload, and makes a snapshot of its root. */
interface Ending {
  readonly failure: AbortController;
  /** Aborted with `failure`, too. */
  readonly signal: AbortSignal;
  readonly draft: (rootEntry: DirEntry, incomplete: IncompleteReason | undefined) => SnapshotDraft;
}

async function rootDirectoryUpload(
  run: UploadRun,
  directory: DirectoryEntry,
  options: UploadOptions,
): Promise<DirectoryUpload> {
  return new DirectoryUpload({
    run,
    directory,
    path: '',
    policyNode: options.policy,
    parentContext: IgnoreContext.EMPTY,
    previous: await run.storedDirectories(
      (options.previous ?? []).flatMap(({ rootEntry }) => rootEntry ?? []),
    ),
  });
}

async function uploadRoot(
  upload: RootUpload,
  options: UploadOptions,
  { failure, signal, draft }: Ending,
): Promise<DirEntry> {
  const checkpoints = new Checkpoints(options, signal, async () => {
    const entry = await upload.checkpoint();
    return entry === undefined ? undefined : draft(entry, 'checkpoint');
  });
  try {
    const done = upload.run();
    return await Promise.race([done, checkpoints.failed]).catch(async (error: unknown) => {
      failure.abort(error);
      await done.catch(() => undefined);
      throw error;
    });
  } finally {
    await checkpoints.stop();
  }
}

function newRun(writer: RepositoryWriter, options: UploadOptions, signal: AbortSignal): UploadRun {
  const { random, policy } = options;
  const fraction = new Uint32Array(1);
  const chosen = options.parallelism ?? policy.policy.upload.maxParallelFileReads;
  return new UploadRun({
    writer,
    signal,
    stopSignal: options.stopSignal,
    parallelism: chosen === undefined || chosen <= 0 ? options.defaultParallelism : chosen,
    uploadLimitBytes: options.uploadLimitBytes,
    failFast: options.failFast ?? false,
    applyIgnoreRules: options.applyIgnoreRules ?? true,
    isStored: options.isStored,
    forceHashPercent: options.forceHashPercent ?? 0,
    randomFraction: () => {
      random(new Uint8Array(fraction.buffer));
      return fraction[0]! / 2 ** 32;
    },
    actions: options.actions ?? NO_ACTIONS,
    onEvent: options.onEvent ?? (() => undefined),
    log: options.log,
  });
}

/** Undefined: nothing is there yet. */
type TakeCheckpoint = () => Promise<SnapshotDraft | undefined>;

/** Saves what is there at intervals until it is stopped. A checkpoint that fails ends the upload. */
class Checkpoints {
  /** Never resolves; rejects when a checkpoint fails. */
  readonly failed: Promise<never>;
  readonly #stopped: AbortController = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: UploadOptions, signal: AbortSignal, take: TakeCheckpoint) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.failed = promise;
    this.#loop = this.#run(options, signal, take).catch(reject);
  }

  /** Resolves when no checkpoint is under way any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(options: UploadOptions, signal: AbortSignal, take: TakeCheckpoint): Promise<void> {
    const { checkpoints, sleep, onEvent } = options;
    if (checkpoints === undefined) return;
    const ended = AbortSignal.any([signal, this.#stopped.signal]);
    for (;;) {
      try {
        await sleep(checkpoints.intervalMs, ended);
      } catch {
        return;
      }
      const draft = await take();
      if (draft === undefined) continue;
      const manifestID = await checkpoints.save(draft);
      const rootObjectID = draft.rootEntry?.objectID;
      if (rootObjectID !== undefined) onEvent?.({ type: 'checkpoint', manifestID, rootObjectID });
    }
  }
}
