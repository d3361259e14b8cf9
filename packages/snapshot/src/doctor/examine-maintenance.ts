import {
  checkLockExtension,
  describeError,
  SAFETY_PARAMETERS,
  type BlobRetention,
  type EpochNanoseconds,
  type MaintenanceRun,
  type RepositorySurvey,
} from '@longshore/repo';
import {
  countOf,
  formatBytes,
  formatMoment,
  formatSpan,
  HOUR,
  type Examination,
  type Finding,
} from './finding.ts';

/** Kopia and longshore refuse to maintain a repository beyond it. */
const MAX_CLOCK_SKEW: EpochNanoseconds = HOUR / 12n;

const SAFETY = SAFETY_PARAMETERS.full;

/** Who maintains the repository, whether it works, and when space comes back. */
export const examineMaintenance: Examination = (survey) => [
  ...ownership(survey),
  ...disabledCycles(survey),
  ...failures(survey),
  ...clocks(survey),
  ...waitingSpace(survey),
];

function ownership(survey: RepositorySurvey): Finding[] {
  const { owner, schedule, parameters, takenAt } = survey;
  const effect = 'Expired snapshots free no space, and index blobs pile up.';
  if (owner === '') {
    return [
      {
        id: 'maintenance-without-owner',
        severity: 'warning',
        cause: 'No client owns maintenance, so that none runs it.',
        effect,
        remedy: 'Choose one that is always there: "maintenance set --owner=me" on it.',
      },
    ];
  }
  if (schedule.runs.size === 0) {
    return [
      {
        id: 'maintenance-never-ran',
        severity: 'note',
        cause: `${owner} owns maintenance and has not run it yet.`,
        effect,
        remedy: `It runs after the next backup of ${owner}. If that client is gone, take over with "maintenance set --owner=me".`,
      },
    ];
  }
  const due = schedule.nextFullMaintenance ?? latestEnd(schedule.runs.values());
  const overdue = due === undefined ? 0n : takenAt - due;
  if (!parameters.full.enabled || overdue < 2n * parameters.full.intervalNanoseconds) return [];
  return [
    {
      id: 'maintenance-overdue',
      severity: 'warning',
      cause: `${owner} owns maintenance, but full maintenance is overdue since ${formatMoment(takenAt - overdue)}: that client is gone, off or failing.`,
      effect,
      remedy: `Start a backup on ${owner}, or take over with "maintenance set --owner=me" and run "maintenance run --full".`,
    },
  ];
}

function disabledCycles({ parameters: { quick, full } }: RepositorySurvey): Finding[] {
  if (full.enabled) {
    if (quick.enabled) return [];
    return [
      {
        id: 'quick-maintenance-disabled',
        severity: 'note',
        cause: 'Quick maintenance is switched off.',
        effect: 'Epochs advance with full maintenance only.',
        remedy: 'Switch it on with "maintenance set --enable-quick=true".',
      },
    ];
  }
  return [
    {
      id: 'full-maintenance-disabled',
      severity: 'warning',
      cause: 'Full maintenance is switched off.',
      effect: 'No space is ever freed.',
      remedy: 'Switch it on with "maintenance set --enable-full=true".',
    },
  ];
}

/** Tasks whose newest run failed. */
function failures({ schedule }: RepositorySurvey): Finding[] {
  const findings: Finding[] = [];
  for (const [task, [latest]] of schedule.runs) {
    if (latest === undefined || latest.success) continue;
    findings.push({
      id: 'maintenance-task-failed',
      severity: 'warning',
      cause: `The task ${task} failed at ${formatMoment(latest.end)}: ${latest.error}.`,
      effect: 'The tasks after it did not run, and will not until it succeeds.',
      remedy:
        task === 'snapshot-gc'
          ? 'Some snapshot cannot be read in full, so that nobody knows what it needs. Find it with "snapshot verify", mend it or delete it.'
          : 'Remove the cause, then run "maintenance run --full".',
    });
  }
  return findings;
}

function clocks(survey: RepositorySurvey): Finding[] {
  const findings: Finding[] = [];
  const { takenAt, newestTimestamp, scheduleTimestamp, schedule, sessions } = survey;
  if (newestTimestamp - takenAt > MAX_CLOCK_SKEW) {
    findings.push(
      skewFinding(
        'this machine',
        newestTimestamp - takenAt,
        "the storage has blobs from this machine's future",
      ),
    );
  }
  const recorded = latestEnd(schedule.runs.values());
  if (scheduleTimestamp !== undefined && recorded !== undefined) {
    const skew = recorded - scheduleTimestamp;
    if (skew > MAX_CLOCK_SKEW) {
      findings.push(
        skewFinding(
          'the client that ran maintenance',
          skew,
          'it recorded a later time than the storage had',
        ),
      );
    }
  }
  for (const { sessionID, checkpointTime, markers } of sessions) {
    const written = markers.reduce(
      (first, { timestamp }) => minimum(first, timestamp),
      markers[0]?.timestamp ?? 0n,
    );
    const skew = checkpointTime > written ? checkpointTime - written : written - checkpointTime;
    if (markers.length !== 1 || skew <= MAX_CLOCK_SKEW) continue;
    findings.push(
      skewFinding(
        `the writer of session ${sessionID}`,
        skew,
        'the storage stored its marker at another time',
      ),
    );
  }
  return findings;
}

function skewFinding(who: string, skew: bigint, evidence: string): Finding {
  return {
    id: 'clock-skew',
    severity: 'warning',
    cause: `The clock of ${who} differs from that of the storage by ${formatSpan(skew)}: ${evidence}.`,
    effect:
      'Maintenance refuses to run on a machine that is off by more than five minutes. Waiting times that protect new backups are cut short by as much as a writer is late.',
    remedy: 'Let the machine and the storage keep their clocks with NTP.',
  };
}

function waitingSpace(survey: RepositorySurvey): Finding[] {
  const { deletedContents, unreferencedPacks, youngestUnreferenced, schedule, parameters } = survey;
  const findings: Finding[] = [];
  const nextFull = maximum(schedule.nextFullMaintenance ?? survey.takenAt, survey.takenAt);
  if (unreferencedPacks.count > 0) {
    const ripe = (youngestUnreferenced ?? 0n) + SAFETY.packDeleteMinAge;
    findings.push({
      id: 'unreferenced-packs',
      severity: 'note',
      cause: `${countOf(unreferencedPacks.count, 'pack')} with ${formatBytes(unreferencedPacks.bytes)} hold nothing that the index names: rewritten, or written by backups that run or were cut short.`,
      effect: 'They take space.',
      remedy: `None is needed: full maintenance after ${formatMoment(maximum(ripe, nextFull))} deletes them; those of a session that was cut short up to four days after it began.`,
    });
  }
  if (deletedContents.count > 0) {
    const drop = nextFull + parameters.full.intervalNanoseconds;
    findings.push({
      id: 'deleted-contents',
      severity: 'note',
      cause: `${countOf(deletedContents.count, 'content is', 'contents are')} marked deleted, ${formatBytes(deletedContents.bytes)} in all, and still in the index: a backup that ran meanwhile may need them.`,
      effect: 'They take space, part of it in packs that also hold contents in use.',
      remedy: `None is needed: they leave the index once two collections of snapshots lie behind them, about ${formatMoment(drop)}. Their packs go at the full maintenance after, rewritten first if other contents share them.`,
    });
  }
  return findings;
}

/** Object locks that end before the data does. */
export function examineLocks(
  { parameters }: RepositorySurvey,
  retention: BlobRetention | undefined,
): readonly Finding[] {
  if (retention === undefined) return [];
  const period = formatSpan(retention.periodNanoseconds);
  if (!parameters.extendObjectLocks) {
    return [
      {
        id: 'locks-not-extended',
        severity: 'warning',
        cause: `Blobs are locked for ${period} when they are written, and nobody extends the locks.`,
        effect: `Data that is older than ${period} can be deleted by whoever has the keys, although snapshots still need it.`,
        remedy: 'Switch it on with "maintenance set --extend-object-locks=true".',
      },
    ];
  }
  try {
    checkLockExtension(parameters, retention);
    return [];
  } catch (error) {
    return [
      {
        id: 'locks-too-short',
        severity: 'warning',
        cause: `${describeError(error)}.`,
        effect: 'Locks end before the next full maintenance extends them.',
        remedy: 'Lengthen the retention period or shorten the interval of full maintenance.',
      },
    ];
  }
}

function latestEnd(histories: Iterable<readonly MaintenanceRun[]>): EpochNanoseconds | undefined {
  let latest: EpochNanoseconds | undefined;
  for (const [newest] of histories) {
    if (newest !== undefined && newest.end > (latest ?? 0n)) latest = newest.end;
  }
  return latest;
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
