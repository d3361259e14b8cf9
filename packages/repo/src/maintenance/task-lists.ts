import { formatGoTime } from '../clock.ts';
import type { EpochIndexBlobs } from '../content/indexblob/epoch-index-blobs.ts';
import { rewriteShortPacks } from './content-rewrite.ts';
import { dropDeletedContents } from './drop-deleted.ts';
import { extendObjectLocks } from './extend-locks.ts';
import {
  advanceEpoch,
  cleanUpMarkers,
  compactEpochRange,
  compactLegacyIndexes,
  compactSingleEpoch,
  deleteSupersededIndexes,
} from './index-compaction.ts';
import { cleanUpLogs } from './log-cleanup.ts';
import { COLLECTED_PREFIXES, deleteUnreferencedBlobs } from './pack-gc.ts';
import { blobDeletionAllowedFrom, isLatestRewriteFull, mayRewrite, safeDropTime } from './rules.ts';
import type { MaintenanceSchedule } from './schedule.ts';
import { loadSchedule } from './schedule-blob.ts';
import type { TaskRunner } from './task-runner.ts';
import type { MaintenanceTask, SnapshotGC, TaskContext } from './tasks.ts';
import { abortOptions } from './task-storage.ts';

type RunContext = Omit<TaskContext, 'onChange'>;

/** The tasks of quick maintenance, in Kopia's order. */
export async function runQuickTasks(context: RunContext, runner: TaskRunner): Promise<void> {
  const { indexBlobs } = context.repository;
  if (indexBlobs.style === 'epoch') {
    await runQuickEpochTasks(indexBlobs, runner);
    return;
  }
  if (mayRewrite(await currentSchedule(context), 'quick', context.safety)) {
    await runner.run('quick-rewrite-contents', (task) => rewriteShortPacks(task, ['q']));
  } else {
    runner.postpone('quick-rewrite-contents', REWRITE_PENDING);
  }
  const isFull = isLatestRewriteFull(await currentSchedule(context));
  await runBlobDeletion(context, runner, isFull ? 'full-delete-blobs' : 'quick-delete-blobs');
  await runner.run('index-compaction', (task) =>
    compactLegacyIndexes(indexBlobs, task, context.safety.indexSettleTime),
  );
  await runner.run('cleanup-logs', cleanUpLogs);
}

/** The tasks of full maintenance, in Kopia's order. */
export async function runFullTasks(
  context: RunContext,
  runner: TaskRunner,
  snapshotGC: SnapshotGC | undefined,
): Promise<void> {
  const { repository, parameters, safety } = context;
  if (snapshotGC !== undefined) await runner.run('snapshot-gc', snapshotGC);
  if (mayRewrite(await currentSchedule(context), 'full', safety)) {
    await runner.run('full-rewrite-contents', (task) => rewriteShortPacks(task, ['p', 'q']));
  } else {
    runner.postpone('full-rewrite-contents', REWRITE_PENDING);
  }
  await runDrop(context, runner);
  await runBlobDeletion(context, runner, 'full-delete-blobs');
  if (parameters.extendObjectLocks) {
    await runner.run('extend-blob-retention-time', extendObjectLocks);
  }
  const { indexBlobs } = repository;
  if (indexBlobs.style === 'epoch') {
    await runQuickEpochTasks(indexBlobs, runner);
    await runner.run('generate-epoch-range-index', (task) => compactEpochRange(indexBlobs, task));
    await runner.run('cleanup-epoch-markers', (task) => cleanUpMarkers(indexBlobs, task));
    await runner.run('delete-superseded-epoch-indexes', (task) =>
      deleteSupersededIndexes(indexBlobs, task),
    );
  }
  await runner.run('cleanup-logs', cleanUpLogs);
}

const REWRITE_PENDING = 'the packs that the last rewrite emptied have not been deleted yet';

async function runQuickEpochTasks(indexBlobs: EpochIndexBlobs, runner: TaskRunner): Promise<void> {
  await runner.run('compact-single-epoch', (task) => compactSingleEpoch(indexBlobs, task));
  await runner.run('advance-epoch', (task) => advanceEpoch(indexBlobs, task));
}

async function runDrop(context: RunContext, runner: TaskRunner): Promise<void> {
  const { repository, safety } = context;
  const dropBefore = safeDropTime(await currentSchedule(context), safety, repository.clock());
  if (dropBefore === undefined) {
    const reason = 'it takes two collections of snapshots, with enough time between them';
    runner.postpone('full-drop-deleted-content', reason);
    return;
  }
  await runner.run('full-drop-deleted-content', (task) => dropDeletedContents(task, dropBefore));
}

async function runBlobDeletion(
  context: RunContext,
  runner: TaskRunner,
  task: Extract<MaintenanceTask, 'full-delete-blobs' | 'quick-delete-blobs'>,
): Promise<void> {
  const { repository, safety } = context;
  const allowedFrom = blobDeletionAllowedFrom(await currentSchedule(context), safety);
  if (allowedFrom !== undefined && repository.clock() < allowedFrom) {
    const reason = `other clients may read packs that were just rewritten; not before ${formatGoTime(allowedFrom)}`;
    runner.postpone(task, reason);
    return;
  }
  const prefixes = task === 'full-delete-blobs' ? COLLECTED_PREFIXES : (['q'] as const);
  await runner.run(task, (running) => deleteUnreferencedBlobs(running, prefixes));
}

/** As stored now: each task may have added to it, and so may another client. */
function currentSchedule({ repository, signal }: RunContext): Promise<MaintenanceSchedule> {
  const { storage, formatManager } = repository;
  return loadSchedule(storage, formatManager, abortOptions({ signal }));
}
