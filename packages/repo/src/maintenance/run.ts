import { abortOptions, type AbortOptions } from '../blob/storage.ts';
import type { EpochNanoseconds } from '../clock.ts';
import { refuseOtherIndexStyle } from '../content/indexblob/index-style.ts';
import { LongshoreError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';
import { refuseIncompleteMerges, refuseLostIndex } from './lost-index.ts';
import type { MaintenanceParameters } from './parameters.ts';
import { SAFETY_PARAMETERS, type SafetyLevel } from './safety.ts';
import type { MaintenanceSchedule } from './schedule.ts';
import { loadSchedule, MAINTENANCE_BLOB_ID, storeSchedule } from './schedule-blob.ts';
import { refuseClockSkew } from './storage-time.ts';
import { loadMaintenanceParameters } from './stored-parameters.ts';
import { runFullTasks, runQuickTasks } from './task-lists.ts';
import { TaskRunner, type TaskResult } from './task-runner.ts';
import type { MaintenanceEvent, MaintenanceMode, SnapshotGC } from './tasks.ts';

/** Keeps two processes of one client apart; others are kept apart by the owner rule. */
export interface MaintenanceLock {
  /** Undefined if another process holds it. Disposing gives it back. */
  tryAcquire(): Promise<AsyncDisposable | undefined>;
}

export interface MaintenanceOptions extends AbortOptions {
  /** `auto`: full if that is due, else quick if that is, else nothing. Default. */
  readonly mode?: MaintenanceMode | 'auto';
  /** Default: `full`. */
  readonly safety?: SafetyLevel;
  /** Run although another client owns maintenance. */
  readonly force?: boolean;
  /** Report what would be done, and write nothing at all. */
  readonly dryRun?: boolean;
  /** Part of full maintenance; `@longshore/snapshot` has it. Without it no content becomes unreferenced. */
  readonly snapshotGC?: SnapshotGC;
  readonly lock?: MaintenanceLock;
  readonly onEvent?: (event: MaintenanceEvent) => void;
}

/** Why nothing was done. */
export type MaintenanceSkip = 'not-due' | 'not-owner' | 'already-running';

export type MaintenanceResult =
  | { readonly mode: undefined; readonly skipped: MaintenanceSkip }
  | {
      readonly mode: MaintenanceMode;
      readonly skipped: undefined;
      readonly tasks: readonly TaskResult[];
    };

/**
 * Maintains a repository as its owner. NOT_MAINTENANCE_OWNER for anybody else (in mode `auto` this is a
 * skip), CLOCK_SKEW if the local clock is not within five minutes of the storage's. Any failure ends the
 * run: what was done is safe as it is, and the next run goes on from there.
 */
export async function runMaintenance(
  repository: OpenWritableRepository,
  options: MaintenanceOptions = {},
): Promise<MaintenanceResult> {
  const abort = abortOptions({ signal: options.signal });
  const { mode: wanted = 'auto', dryRun = false, force = false } = options;
  const parameters = await loadMaintenanceParameters(repository, abort);
  if (!force && !isOwner(repository, parameters)) {
    if (wanted === 'auto') return { mode: undefined, skipped: 'not-owner' };
    throw notOwner(repository, parameters);
  }
  const mode = wanted === 'auto' ? await dueMode(repository, parameters, abort) : wanted;
  if (mode === undefined) return { mode: undefined, skipped: 'not-due' };
  if (dryRun || options.lock === undefined) return runUnderLock(repository, mode, options);
  const held = await options.lock.tryAcquire();
  if (held === undefined) return { mode: undefined, skipped: 'already-running' };
  await using _ = held;
  return await runUnderLock(repository, mode, options);
}

/** Which maintenance the schedule asks for now; undefined: none. */
export async function dueMode(
  repository: OpenWritableRepository,
  { quick, full }: MaintenanceParameters,
  options: AbortOptions = {},
): Promise<MaintenanceMode | undefined> {
  const { storage, formatManager, clock } = repository;
  const schedule = await loadSchedule(storage, formatManager, options);
  const now = clock();
  if (full.enabled && now >= (schedule.nextFullMaintenance ?? now)) return 'full';
  if (quick.enabled && now >= (schedule.nextQuickMaintenance ?? now)) return 'quick';
  return undefined;
}

/** `user@host`, as the owner is named. */
export function maintenanceIdentity({ identity }: OpenWritableRepository): string {
  return `${identity.userName}@${identity.hostName}`;
}

function isOwner(repository: OpenWritableRepository, { owner }: MaintenanceParameters): boolean {
  return owner === maintenanceIdentity(repository);
}

async function runUnderLock(
  repository: OpenWritableRepository,
  mode: MaintenanceMode,
  options: MaintenanceOptions,
): Promise<MaintenanceResult> {
  const { safety = 'full', dryRun = false, force = false, onEvent = () => undefined } = options;
  const abort = abortOptions({ signal: options.signal });
  await repository.formatManager.refresh(abort);
  refuseOtherIndexStyle(repository.formatManager, repository.indexBlobs);
  const startTime = dryRun ? repository.clock() : await begin(repository, mode, abort);
  await repository.refresh(abort);
  await refuseLostIndex(repository, abort);
  if (mode === 'full') await refuseIncompleteMerges(repository, abort);
  const parameters = await loadMaintenanceParameters(repository, abort);
  // Somebody may have taken over since this client looked last.
  if (!force && !isOwner(repository, parameters)) throw notOwner(repository, parameters);
  onEvent({ type: 'started', mode, startTime });
  const context = {
    repository,
    parameters,
    safety: SAFETY_PARAMETERS[safety],
    startTime,
    dryRun,
    signal: options.signal,
  };
  const runner = new TaskRunner(context, onEvent);
  if (mode === 'full') await runFullTasks(context, runner, options.snapshotGC);
  else await runQuickTasks(context, runner);
  return { mode, skipped: undefined, tasks: runner.results };
}

/** Plans the next runs, so that a crash does not start over at once, and takes the time from the storage. */
async function begin(
  repository: OpenWritableRepository,
  mode: MaintenanceMode,
  abort: AbortOptions,
): Promise<EpochNanoseconds> {
  const { storage, formatManager, clock } = repository;
  const parameters = await loadMaintenanceParameters(repository, abort);
  const schedule = await loadSchedule(storage, formatManager, abort);
  const planned = planNext(schedule, mode, parameters, clock());
  await storeSchedule(storage, formatManager, planned, abort);
  const { timestamp } = await storage.getMetadata(MAINTENANCE_BLOB_ID, abort);
  refuseClockSkew(clock, timestamp);
  return timestamp;
}

function planNext(
  schedule: MaintenanceSchedule,
  mode: MaintenanceMode,
  { quick, full }: MaintenanceParameters,
  now: EpochNanoseconds,
): MaintenanceSchedule {
  const nextQuickMaintenance = now + quick.intervalNanoseconds;
  if (mode === 'quick') return { ...schedule, nextQuickMaintenance };
  const nextFullMaintenance = now + full.intervalNanoseconds;
  return { ...schedule, nextQuickMaintenance, nextFullMaintenance };
}

function notOwner(
  repository: OpenWritableRepository,
  { owner }: MaintenanceParameters,
): LongshoreError {
  return new LongshoreError(
    'NOT_MAINTENANCE_OWNER',
    `maintenance belongs to ${owner === '' ? 'nobody' : owner}, this client is ${maintenanceIdentity(repository)}. ` +
      'Take it over with "maintenance set --owner=me"',
  );
}
