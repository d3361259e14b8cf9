import {
  abortOptions,
  type BlobID,
  type BlobRetention,
  type BlobStorage,
} from '../blob/storage.ts';
import { describeError, errorCode, hasCode, LongshoreError } from '../errors.ts';
import { LOCKED_PREFIXES } from '../format/blobcfg-blob.ts';
import { formatGoDuration } from '../format/go-duration.ts';
import { forEachLimit } from '../parallel.ts';
import type { MaintenanceParameters } from './parameters.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { deletionParallelism, listBlobs } from './task-storage.ts';

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

/**
 * Extends the object lock of each blob that carries one to now + the repository's period. A blob whose lock cannot be
 * extended does not keep the others from it; it is the error at the end.
 */
export async function extendObjectLocks(context: TaskContext): Promise<MaintenanceStatistics> {
  const { repository, dryRun } = context;
  const kind = 'extendBlobRetentionStats';
  const retention = repository.formatManager.blobConfiguration;
  if (retention === undefined) return { kind, data: null };
  const extension = new LockExtension(context, retention);
  let listed = 0;
  for (const prefix of LOCKED_PREFIXES) {
    const blobs = await listBlobs(context, prefix);
    listed += blobs.length;
    await forEachLimit(
      blobs,
      { parallelism: deletionParallelism(context), ...abortOptions(context) },
      async ({ id, length }, signal) => {
        const reason = `its lock is extended by ${formatGoDuration(retention.periodNanoseconds)}`;
        context.onChange({ action: 'extend-lock', id, bytes: length, reason });
        if (!dryRun) await extension.extend(id, signal);
      },
    );
  }
  extension.throwFailures();
  return {
    kind,
    data: {
      toExtendBlobCount: listed,
      extendedBlobCount: extension.extended,
      retentionPeriod: formatGoDuration(retention.periodNanoseconds),
    },
  };
}

class LockExtension {
  readonly #storage: BlobStorage;
  readonly #retention: BlobRetention;
  extended = 0;
  #failed = 0;
  #firstFailure: { readonly id: BlobID; readonly error: unknown } | undefined;

  constructor({ repository: { storage } }: TaskContext, retention: BlobRetention) {
    this.#storage = storage;
    this.#retention = retention;
  }

  /** A blob that was deleted since it was listed is left out. */
  async extend(id: BlobID, signal: AbortSignal): Promise<void> {
    const storage = this.#storage;
    if (storage.extendRetention === undefined || !storage.capabilities.objectLock) {
      throw new LongshoreError(
        'UNSUPPORTED',
        `${storage.displayName} has no object locks to extend: turn the extension of locks off`,
      );
    }
    try {
      await storage.extendRetention(id, this.#retention, { signal });
      this.extended += 1;
    } catch (error) {
      signal.throwIfAborted();
      if (hasCode(error, 'BLOB_NOT_FOUND')) return;
      this.#failed += 1;
      this.#firstFailure ??= { id, error };
    }
  }

  throwFailures(): void {
    if (this.#firstFailure === undefined) return;
    const { id, error } = this.#firstFailure;
    throw new LongshoreError(
      errorCode(error) ?? 'STORAGE_FAILED',
      `the locks of ${this.#failed} blobs could not be extended, such as that of ${id}: ${describeError(error)}`,
      { blobID: id, cause: error },
    );
  }
}
