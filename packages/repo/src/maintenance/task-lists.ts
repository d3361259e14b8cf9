import { abortOptions } from '../blob/storage.ts';
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
import { mergeDueEpochs } from './optimize-indexes.ts';
import { COLLECTED_PREFIXES, deleteUnreferencedBlobs } from './pack-gc.ts';
import { blobDeletionAllowedFrom, isLatestRewriteFull, mayRewrite, safeDropTime } from './rules.ts';
import type { MaintenanceSchedule } from './schedule.ts';
import { loadSchedule } from './schedule-blob.ts';
import type { TaskRunner } from './task-runner.ts';
import type { MaintenanceTask, RunContext, SnapshotGC } from './tasks.ts';

/** The tasks of quick maintenance, in Kopia's order; of epochs more than with Kopia, where it is due. */
export async function runQuickTasks(context: RunContext, runner: TaskRunner): Promise<void> {
  const { indexBlobs } = context.repository;
  if (indexBlobs.style === 'epoch') {
    await runQuickEpochTasks(indexBlobs, context, runner);
    await runDueEpochTasks(indexBlobs, context, runner);
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
    await runQuickEpochTasks(indexBlobs, context, runner);
    for (const task of LONG_TERM_EPOCH_TASKS) {
      await runner.run(task.name, (running) => task.run(indexBlobs, running));
    }
  }
  await runner.run('cleanup-logs', cleanUpLogs);
}

const REWRITE_PENDING = 'the packs that the last rewrite emptied have not been deleted yet';

/** Epochs that one run merges at most: where maintenance did not run for long it catches up in steps. */
const MAX_EPOCHS_PER_RUN = 32;

async function runQuickEpochTasks(
  indexBlobs: EpochIndexBlobs,
  context: RunContext,
  runner: TaskRunner,
): Promise<void> {
  const mergeNext = async (): Promise<boolean> => {
    let isMerged = false;
    await runner.run('compact-single-epoch', async (task) => {
      const statistics = await compactSingleEpoch(indexBlobs, task);
      isMerged = statistics.data !== null;
      return statistics;
    });
    // A dry run merges nothing, so that the same epoch stays due.
    return isMerged && !context.dryRun;
  };
  const options = { ...abortOptions(context), maxEpochs: MAX_EPOCHS_PER_RUN };
  await mergeDueEpochs(indexBlobs, mergeNext, options);
  await runner.run('advance-epoch', (task) => advanceEpoch(indexBlobs, task));
}

/** What full maintenance does with Kopia for the sake of small indexes in the long term, in its order. */
const LONG_TERM_EPOCH_TASKS = [
  { name: 'generate-epoch-range-index', step: 'compactRange', run: compactEpochRange },
  { name: 'cleanup-epoch-markers', step: 'cleanupMarkers', run: cleanUpMarkers },
  {
    name: 'delete-superseded-epoch-indexes',
    step: 'cleanupSuperseded',
    run: deleteSupersededIndexes,
  },
] as const;

/** With many writers a day's index blobs are too many: what is due is done in quick maintenance as well. */
async function runDueEpochTasks(
  indexBlobs: EpochIndexBlobs,
  context: RunContext,
  runner: TaskRunner,
): Promise<void> {
  const due = await indexBlobs.dueSteps(abortOptions(context));
  for (const { name, step, run } of LONG_TERM_EPOCH_TASKS) {
    if (due[step]) await runner.run(name, (task) => run(indexBlobs, task));
  }
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
