import type { BlobID, BlobRetention } from '../blob/storage.ts';
import { hasCode, LongshoreError } from '../errors.ts';
import { LOCKED_PREFIXES } from '../format/blobcfg-blob.ts';
import { formatGoDuration } from '../format/go-duration.ts';
import { forEachLimit } from '../parallel.ts';
import type { MaintenanceParameters } from './parameters.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { abortOptions, deletionParallelism, listBlobs } from './task-storage.ts';

/** A lock must outlive the next full maintenance by this much. Kopia's number, in nanoseconds. */
const MIN_MARGIN = 24n * 3_600_000_000_000n;

/**
 * INVALID_ARGUMENT if locks are to be extended but would end before the next full maintenance could do it.
 * To be asked when parameters are set.
 */
export function checkLockExtension(
  { extendObjectLocks, full }: MaintenanceParameters,
  retention: BlobRetention | undefined,
): void {
  if (!extendObjectLocks || retention === undefined) return;
  if (retention.periodNanoseconds - full.intervalNanoseconds >= MIN_MARGIN) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `the retention period (${formatGoDuration(retention.periodNanoseconds)}) must be at least 24 hours longer than ` +
      `the interval of full maintenance (${formatGoDuration(full.intervalNanoseconds)})`,
  );
}

/** Extends the object lock of each blob that carries one to now + the repository's period. */
export async function extendObjectLocks(context: TaskContext): Promise<MaintenanceStatistics> {
  const { repository, dryRun } = context;
  const kind = 'extendBlobRetentionStats';
  const retention = repository.formatManager.blobConfiguration;
  if (retention === undefined) return { kind, data: null };
  let listed = 0;
  let extended = 0;
  for (const prefix of LOCKED_PREFIXES) {
    const blobs = await listBlobs(context, prefix);
    listed += blobs.length;
    await forEachLimit(
      blobs,
      { parallelism: deletionParallelism(context), ...abortOptions(context) },
      async ({ id, length }, signal) => {
        const reason = `its lock is extended by ${formatGoDuration(retention.periodNanoseconds)}`;
        context.onChange({ action: 'extend-lock', id, bytes: length, reason });
        if (!dryRun && (await extendLock(context, id, retention, signal))) extended += 1;
      },
    );
  }
  return {
    kind,
    data: {
      toExtendBlobCount: listed,
      extendedBlobCount: extended,
      retentionPeriod: formatGoDuration(retention.periodNanoseconds),
    },
  };
}

/** False if the blob was deleted since it was listed. */
async function extendLock(
  { repository: { storage } }: TaskContext,
  id: BlobID,
  retention: BlobRetention,
  signal: AbortSignal,
): Promise<boolean> {
  if (storage.extendRetention === undefined || !storage.capabilities.objectLock) {
    throw new LongshoreError(
      'UNSUPPORTED',
      `${storage.displayName} has no object locks to extend: turn the extension of locks off`,
    );
  }
  try {
    await storage.extendRetention(id, retention, { signal });
    return true;
  } catch (error) {
    if (hasCode(error, 'BLOB_NOT_FOUND')) return false;
    throw error;
  }
}
