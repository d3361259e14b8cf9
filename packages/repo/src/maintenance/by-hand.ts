import { abortOptions, type AbortOptions } from '../blob/storage.ts';
import {
  formatGoTime,
  webRandomSource,
  type EpochNanoseconds,
  type RandomSource,
} from '../clock.ts';
import { describeError, LongshoreError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';
import { rewriteSelected, type RewriteSelection } from './content-rewrite.ts';
import { refuseIncompleteMerges, refuseLostIndex } from './lost-index.ts';
import { COLLECTED_PREFIXES, deleteUnreferencedBlobs } from './pack-gc.ts';
import { blobDeletionAllowedFrom } from './rules.ts';
import { SAFETY_PARAMETERS, type SafetyLevel } from './safety.ts';
import { unfinishedRun, type MaintenanceRun, type MaintenanceStatistics } from './schedule.ts';
import { loadSchedule, recordRun } from './schedule-blob.ts';
import { readStorageTime, refuseClockSkew } from './storage-time.ts';
import { loadMaintenanceParameters } from './stored-parameters.ts';
import type { MaintenanceChange, MaintenanceTask, TaskContext } from './tasks.ts';

/** Tasks of maintenance that somebody runs on their own: neither owner nor schedule are asked. */
export interface ByHandOptions extends AbortOptions {
  /** Default: `full`. */
  readonly safety?: SafetyLevel;
  readonly dryRun?: boolean;
  /** Blobs or contents at once; default 16. */
  readonly parallelism?: number;
  readonly random?: RandomSource;
  readonly onChange?: (change: MaintenanceChange) => void;
}

const DEFAULT_PARALLELISM = 16;
/** Any pack may be emptied, which only a full deletion collects. */
const RECORDED_AS: MaintenanceTask = 'full-rewrite-contents';

/**
 * Stores contents anew in new packs. What becomes of the old packs is up to maintenance: what was moved is recorded as
 * a full rewrite, so that they stay for the readers of the old index, as after one by maintenance.
 */
export async function rewriteContents(
  repository: OpenWritableRepository,
  selection: RewriteSelection,
  options: ByHandOptions = {},
): Promise<MaintenanceStatistics> {
  const start = repository.clock();
  const context = await byHand(repository, options, start);
  const { storage, formatManager, clock } = repository;
  let isRecorded = false;
  const recordProgress = async (): Promise<void> => {
    isRecorded = true;
    await recordRun(storage, formatManager, RECORDED_AS, unfinishedRun(start, clock()));
  };
  const record = async (
    run: Pick<MaintenanceRun, 'success' | 'error' | 'extra'>,
  ): Promise<void> => {
    // Of a run that moved nothing there is no need to know.
    if (!isRecorded) return;
    // No abort: what was moved so far has left its packs empty.
    await recordRun(storage, formatManager, RECORDED_AS, { start, end: clock(), ...run });
  };
  let statistics: MaintenanceStatistics;
  try {
    const { listParallelism } = context.parameters;
    statistics = await rewriteSelected({ ...context, recordProgress }, selection, listParallelism);
  } catch (error) {
    const failure = { success: false, error: describeError(error), extra: [] };
    await record(failure).catch(() => undefined);
    throw error;
  }
  await record({ success: true, error: '', extra: [statistics] });
  return statistics;
}

/**
 * Deletes packs and session markers with a prefix (default: all) that nothing refers to and that are old enough by
 * the storage's clock. CLOCK_SKEW if that is more than five minutes from the local one; UNSUPPORTED within an hour
 * after contents were moved, unless safety is `none`.
 */
export async function collectBlobs(
  repository: OpenWritableRepository,
  prefix: string | undefined,
  options: ByHandOptions = {},
): Promise<MaintenanceStatistics> {
  const { dryRun = false, random = webRandomSource } = options;
  const { storage, clock } = repository;
  const abort = abortOptions({ signal: options.signal });
  const now = dryRun ? clock() : await readStorageTime(storage, random, abort);
  refuseClockSkew(clock, now);
  const context = await byHand(repository, options, now);
  await refuseAfterRewrite(context);
  await refuseIncompleteMerges(repository, abort);
  return deleteUnreferencedBlobs(context, prefix === undefined ? COLLECTED_PREFIXES : [prefix]);
}

/** After the index was read: of a rewrite that this view has in it, the record is there as well. */
async function refuseAfterRewrite(context: TaskContext): Promise<void> {
  const { repository, safety, startTime } = context;
  if (safety.minRewriteToOrphanDeletionDelay === 0n) return;
  const { storage, formatManager } = repository;
  const schedule = await loadSchedule(storage, formatManager, abortOptions(context));
  const allowedFrom = blobDeletionAllowedFrom(schedule, safety);
  if (allowedFrom === undefined || startTime >= allowedFrom) return;
  throw new LongshoreError(
    'UNSUPPORTED',
    'contents were just moved, and other clients may still read the packs where they were: nothing is deleted before ' +
      formatGoTime(allowedFrom),
  );
}

async function byHand(
  repository: OpenWritableRepository,
  options: ByHandOptions,
  startTime: EpochNanoseconds,
): Promise<TaskContext> {
  const { safety = 'full', dryRun = false, parallelism = DEFAULT_PARALLELISM } = options;
  if (parallelism < 1) throw new LongshoreError('INVALID_ARGUMENT', 'at least one at once');
  const abort = abortOptions({ signal: options.signal });
  await repository.refresh(abort);
  await refuseLostIndex(repository, abort);
  const parameters = await loadMaintenanceParameters(repository, abort);
  return {
    repository,
    parameters: { ...parameters, listParallelism: parallelism },
    safety: SAFETY_PARAMETERS[safety],
    startTime,
    dryRun,
    signal: options.signal,
    onChange: options.onChange ?? (() => undefined),
    recordProgress: async () => undefined,
  };
}
