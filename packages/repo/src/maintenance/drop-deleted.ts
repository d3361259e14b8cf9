import { abortOptions } from '../blob/storage.ts';
import { formatGoTime, NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '../clock.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';

/**
 * Lets contents that were marked deleted before `dropBefore` vanish from the index: in epoch style by moving
 * the deletion watermark, in legacy style by merging all index blobs without them. Packs that only held such
 * contents are unreferenced from then on.
 */
export async function dropDeletedContents(
  context: TaskContext,
  dropBefore: EpochNanoseconds,
): Promise<MaintenanceStatistics> {
  const { repository } = context;
  const done =
    repository.indexBlobs.style === 'epoch'
      ? await moveWatermark(context, dropBefore)
      : await mergeWithoutDeleted(context, dropBefore);
  if (done && !context.dryRun) await repository.refresh(abortOptions(context));
  return {
    kind: 'compactIndexesStats',
    data: done ? { droppedContentsDeletedBefore: formatGoTime(dropBefore) } : null,
  };
}

async function moveWatermark(context: TaskContext, dropBefore: EpochNanoseconds): Promise<boolean> {
  const { indexBlobs } = context.repository;
  if (indexBlobs.style !== 'epoch') return false;
  const seconds = Number(dropBefore / NANOSECONDS_PER_SECOND);
  const moved = await indexBlobs.advanceDeletionWatermark(seconds, {
    dryRun: context.dryRun,
    ...abortOptions(context),
  });
  if (moved) {
    const reason = `contents deleted until ${formatGoTime(dropBefore)} leave the index`;
    context.onChange({ action: 'advance-watermark', id: `xw${seconds}`, bytes: 0, reason });
  }
  return moved;
}

async function mergeWithoutDeleted(
  context: TaskContext,
  dropBefore: EpochNanoseconds,
): Promise<boolean> {
  const { indexBlobs } = context.repository;
  if (indexBlobs.style !== 'legacy') return false;
  // Entries carry whole seconds: those before the moment are those below the next whole second.
  const dropDeletedBeforeSeconds = Number(
    (dropBefore + NANOSECONDS_PER_SECOND - 1n) / NANOSECONDS_PER_SECOND,
  );
  const compaction = await indexBlobs.compact({
    dropDeletedBeforeSeconds,
    settleTime: context.safety.indexSettleTime,
    dryRun: context.dryRun,
    ...abortOptions(context),
  });
  for (const { id, length } of compaction?.inputs ?? []) {
    const reason = `merged without contents deleted before ${formatGoTime(dropBefore)}`;
    context.onChange({ action: 'write-index', id, bytes: length, reason });
  }
  return compaction !== undefined;
}
