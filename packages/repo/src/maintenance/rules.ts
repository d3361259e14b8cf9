import type { EpochNanoseconds } from '../clock.ts';
import type { SafetyParameters } from './safety.ts';
import type { MaintenanceRun, MaintenanceSchedule } from './schedule.ts';
import type { MaintenanceTask } from './tasks.ts';

const REWRITES = ['full-rewrite-contents', 'quick-rewrite-contents'] as const;
const BLOB_DELETIONS = ['full-delete-blobs', 'quick-delete-blobs'] as const;

type Runs = Pick<MaintenanceSchedule, 'runs'>;

function successfulRuns({ runs }: Runs, task: MaintenanceTask): readonly MaintenanceRun[] {
  return (runs.get(task) ?? []).filter(({ success }) => success);
}

/** When the latest successful run of any of the tasks ended; undefined if none did. */
function latestEnd(
  schedule: Runs,
  tasks: readonly MaintenanceTask[],
): EpochNanoseconds | undefined {
  let latest: EpochNanoseconds | undefined;
  for (const task of tasks) {
    for (const { end } of successfulRuns(schedule, task)) {
      if (latest === undefined || end > latest) latest = end;
    }
  }
  return latest;
}

/**
 * Rule R: contents are not rewritten again before the packs that the last rewrite emptied had a chance to
 * go, or there would be no end of it. A full rewrite may follow a quick one.
 */
export function mayRewrite(
  schedule: Runs,
  mode: 'quick' | 'full',
  safety: SafetyParameters,
): boolean {
  const rewrites = mode === 'full' ? (['full-rewrite-contents'] as const) : REWRITES;
  const rewritten = latestEnd(schedule, rewrites);
  if (rewritten === undefined || safety.minRewriteToOrphanDeletionDelay === 0n) return true;
  const deleted = latestEnd(schedule, BLOB_DELETIONS);
  return deleted !== undefined && deleted >= rewritten;
}

/**
 * Rule D: the moment from which packs may be deleted; undefined if nothing was ever rewritten. A rewrite that failed
 * counts: it has emptied packs up to its last commit.
 */
export function blobDeletionAllowedFrom(
  schedule: Runs,
  safety: SafetyParameters,
): EpochNanoseconds | undefined {
  const ends = REWRITES.flatMap((task) => schedule.runs.get(task) ?? []).map(({ end }) => end);
  if (ends.length === 0) return undefined;
  const rewritten = ends.reduce((latest, end) => (end > latest ? end : latest));
  return rewritten + safety.minRewriteToOrphanDeletionDelay;
}

/** True if the latest rewrite was a full one, whose emptied packs only a full deletion finds. */
export function isLatestRewriteFull(schedule: Runs): boolean {
  const full = latestEnd(schedule, ['full-rewrite-contents']) ?? 0n;
  return full >= (latestEnd(schedule, ['quick-rewrite-contents']) ?? 0n);
}

/**
 * Contents marked deleted before this moment may leave the index: the collection that began later than
 * that has ended, everything written beside it has been committed since, and another collection saw all
 * of it and kept what had come to life again. Undefined if there were no two such collections. Records from
 * the future are not believed.
 */
export function safeDropTime(
  schedule: Runs,
  safety: SafetyParameters,
  now: EpochNanoseconds,
): EpochNanoseconds | undefined {
  if (!safety.requireTwoGCCycles) return now;
  const newestFirst = successfulRuns(schedule, 'snapshot-gc')
    .filter(({ end }) => end <= now)
    .toSorted((a, b) => (a.start === b.start ? 0 : a.start > b.start ? -1 : 1));
  const [latest, ...earlier] = newestFirst;
  if (latest === undefined) return undefined;
  const confirmed = earlier.find(({ end }) => latest.start - end > safety.marginBetweenSnapshotGC);
  return confirmed === undefined
    ? undefined
    : confirmed.start - safety.dropContentFromIndexExtraMargin;
}
