import { abortOptions, type BlobMetadata } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { forEachLimit } from '../parallel.ts';
import type { LogRetention } from './parameters.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { deletionParallelism, listBlobs, totalLength } from './task-storage.ts';

/** Diagnostic logs of Kopia's clients. */
export const LOG_PREFIX = '_log_';

/** Splits logs into those that stay and those beyond the limits, newest first. A limit of 0 is none. */
export function partitionLogs(
  logs: readonly BlobMetadata[],
  retention: LogRetention,
  now: EpochNanoseconds,
): { readonly retained: readonly BlobMetadata[]; readonly expired: readonly BlobMetadata[] } {
  const { maxTotalSize, maxCount, maxAgeNanoseconds } = retention;
  const newestFirst = logs.toSorted((a, b) =>
    a.timestamp === b.timestamp ? 0 : a.timestamp > b.timestamp ? -1 : 1,
  );
  let size = 0;
  const firstExpired = newestFirst.findIndex(({ length, timestamp }, position) => {
    size += length;
    if (maxTotalSize > 0 && size > maxTotalSize) return true;
    if (maxCount > 0 && position >= maxCount) return true;
    return maxAgeNanoseconds !== 0n && now - timestamp > maxAgeNanoseconds;
  });
  const count = firstExpired < 0 ? newestFirst.length : firstExpired;
  return { retained: newestFirst.slice(0, count), expired: newestFirst.slice(count) };
}

/** Deletes logs beyond the limits of the maintenance parameters. */
export async function cleanUpLogs(context: TaskContext): Promise<MaintenanceStatistics> {
  const { repository, parameters, startTime, dryRun } = context;
  const logs = await listBlobs(context, LOG_PREFIX);
  const { retained, expired } = partitionLogs(logs, parameters.logRetention, startTime);
  for (const { id, length } of expired) {
    const reason = 'beyond the limits for logs';
    context.onChange({ action: 'delete-blob', id, bytes: length, reason });
  }
  if (!dryRun) {
    await forEachLimit(
      expired,
      { parallelism: deletionParallelism(context), ...abortOptions(context) },
      ({ id }, signal) => repository.storage.deleteBlob(id, { signal }),
    );
  }
  const deleted = dryRun ? [] : expired;
  return {
    kind: 'cleanupLogsStats',
    data: {
      toDeleteBlobCount: expired.length,
      toDeleteBlobSize: totalLength(expired),
      deletedBlobCount: deleted.length,
      deletedBlobSize: totalLength(deleted),
      retainedBlobCount: retained.length,
      retainedBlobSize: totalLength(retained),
    },
  };
}
