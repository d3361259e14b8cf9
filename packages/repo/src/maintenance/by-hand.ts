import type { AbortOptions } from '../blob/storage.ts';
import { webRandomSource, type EpochNanoseconds, type RandomSource } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';
import { rewriteSelected, type RewriteSelection } from './content-rewrite.ts';
import { refuseLostIndex } from './lost-index.ts';
import { COLLECTED_PREFIXES, deleteUnreferencedBlobs } from './pack-gc.ts';
import { SAFETY_PARAMETERS, type SafetyLevel } from './safety.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import { readStorageTime, refuseClockSkew } from './storage-time.ts';
import { loadMaintenanceParameters } from './stored-parameters.ts';
import { abortOptions } from './task-storage.ts';
import type { MaintenanceChange, TaskContext } from './tasks.ts';

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

/** Stores contents anew in new packs. What becomes of the old packs is up to maintenance. */
export async function rewriteContents(
  repository: OpenWritableRepository,
  selection: RewriteSelection,
  options: ByHandOptions = {},
): Promise<MaintenanceStatistics> {
  const context = await byHand(repository, options, repository.clock());
  return rewriteSelected(context, selection, context.parameters.listParallelism);
}

/**
 * Deletes packs and session markers with a prefix (default: all) that nothing refers to and that are old enough by
 * the storage's clock. CLOCK_SKEW if that is more than five minutes from the local one.
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
  return deleteUnreferencedBlobs(context, prefix === undefined ? COLLECTED_PREFIXES : [prefix]);
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
  };
}
