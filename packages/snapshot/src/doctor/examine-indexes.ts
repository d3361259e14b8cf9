import type { RepositorySurvey } from '@longshore/repo';
import { countOf, DAY, HOUR, type Examination, type Finding } from './finding.ts';

/** Opening takes a request for each. 20 writers an hour stay below half of it with epochs of an hour. */
const MANY_INDEX_BLOBS = 200;

/** Of legacy style quick maintenance keeps fewer than eight small ones. */
const MANY_LEGACY_INDEX_BLOBS = 100;

const MANY_SESSIONS = 20;

/** Kopia's age from which a session no longer protects its packs. */
const SESSION_EXPIRATION_AGE = 96n * HOUR;

/** Index blobs, epochs and write sessions. */
export const examineIndexes: Examination = (survey) => [
  ...manyIndexBlobs(survey),
  ...waitingEpoch(survey),
  ...incompleteSets(survey),
  ...sessions(survey),
  ...poison(survey),
  ...formatBackups(survey),
];

function manyIndexBlobs({ epochs, legacyIndexBlobs }: RepositorySurvey): Finding[] {
  const count = epochs?.activeIndexBlobs ?? legacyIndexBlobs.count;
  const limit = epochs === undefined ? MANY_LEGACY_INDEX_BLOBS : MANY_INDEX_BLOBS;
  if (count <= limit) return [];
  const unmerged = epochs?.unmergedEpochs.length ?? 0;
  return [
    {
      id: 'many-index-blobs',
      severity: 'warning',
      cause:
        unmerged > 0
          ? `${count} index blobs count, and ${countOf(unmerged, 'finished epoch waits', 'finished epochs wait')} to be merged: maintenance runs too seldom or fails.`
          : `${count} index blobs count: many commits came faster than epochs end.`,
      effect:
        'Each client reads all of them when it opens the repository, one request each, and holds them in memory.',
      remedy:
        unmerged > 0
          ? 'Run "maintenance run", and see to it that the owner of maintenance runs it, every hour where many clients write.'
          : shorterEpochs(epochs),
    },
  ];
}

const NANOSECONDS_PER_MINUTE = 60_000_000_000n;

/** What is written in an epoch is merged when the one after the next begins, so that two of them always count. */
function shorterEpochs(epochs: RepositorySurvey['epochs']): string {
  if (epochs === undefined) return 'Run "maintenance run", or let fewer, larger backups commit.';
  const { minEpochDuration, shortestEpochDuration } = epochs;
  if (minEpochDuration <= shortestEpochDuration) return 'Let fewer, larger backups commit.';
  const minutes = shortestEpochDuration / NANOSECONDS_PER_MINUTE;
  return (
    `Shorten epochs with "repository set-parameters --epoch-min-duration=${minutes}m", and have the owner of maintenance ` +
    'run it as often; or let fewer, larger backups commit.'
  );
}

function waitingEpoch({ epochs, schedule, takenAt }: RepositorySurvey): Finding[] {
  if (epochs === undefined || !epochs.mayAdvance) return [];
  const latest = schedule.runs.get('advance-epoch')?.[0];
  if (latest !== undefined && takenAt - latest.end < 2n * DAY) return [];
  return [
    {
      id: 'epoch-does-not-advance',
      severity: 'warning',
      cause: `Epoch ${epochs.writeEpoch} has ${countOf(epochs.writeEpochBlobs, 'index blob')} and is old enough to end, but no maintenance has ended it${latest === undefined ? '' : ' for two days'}.`,
      effect: 'Index blobs are never merged: opening the repository takes longer with each backup.',
      remedy: 'Run "maintenance run", and see to it that the owner of maintenance runs it.',
    },
  ];
}

function incompleteSets({ epochs, newestTimestamp }: RepositorySurvey): Finding[] {
  const youngest = epochs?.youngestIncomplete;
  if (epochs === undefined || youngest === undefined) return [];
  if (newestTimestamp - youngest < DAY) return [];
  return [
    {
      id: 'incomplete-sets',
      severity: 'note',
      cause: `${countOf(epochs.incompleteSetBlobs, 'blob belongs', 'blobs belong')} to merged index sets of which not all parts are there: a maintenance was cut short.`,
      effect:
        'They take space. Nobody reads them, and the index blobs that they should have replaced still count.',
      remedy: 'None is needed: the next maintenance merges the epoch again.',
    },
  ];
}

function sessions({ sessions: live, newestTimestamp }: RepositorySurvey): Finding[] {
  const findings: Finding[] = [];
  const stale = live.filter(
    ({ checkpointTime }) => newestTimestamp - checkpointTime >= SESSION_EXPIRATION_AGE,
  );
  if (stale.length > 0) {
    findings.push({
      id: 'abandoned-sessions',
      severity: 'note',
      cause: `${countOf(stale.length, 'write session has', 'write sessions have')} been open for more than four days: those backups were cut short.`,
      effect: 'Their packs take space.',
      remedy: 'The next full maintenance deletes the markers and the packs that nothing refers to.',
    });
  }
  if (live.length - stale.length > MANY_SESSIONS) {
    findings.push({
      id: 'many-sessions',
      severity: 'warning',
      cause: `${live.length - stale.length} write sessions are open: either as many backups run, or many were cut short in the last four days.`,
      effect: 'Packs of sessions that were cut short stay for four days.',
      remedy: 'Look for clients that crash, run out of memory or are killed by a time limit.',
    });
  }
  return findings;
}

function poison({ epochs, poisonBlobs }: RepositorySurvey): Finding[] {
  if (epochs !== undefined || poisonBlobs.count === 0) return [];
  return [
    {
      id: 'poison-blob-without-epochs',
      severity: 'error',
      cause:
        'A blob that keeps old clients away is there, but the repository has no epochs: an upgrade was rolled back or was cut short.',
      effect: 'No client can open the repository through its legacy index blobs.',
      remedy: `Finish the upgrade, or delete ${poisonBlobs.named.join(', ')} once it is rolled back for good.`,
    },
  ];
}

function formatBackups({ formatBackups: { count, named } }: RepositorySurvey): Finding[] {
  if (count === 0) return [];
  return [
    {
      id: 'format-backups',
      severity: 'note',
      cause: `An upgrade left ${countOf(count, 'copy', 'copies')} of the former format blob: ${named.join(', ')}.`,
      effect:
        'It opens with the password of that time, so that a later change of the password does not shut out who knows the old one.',
      remedy: 'Delete it when the upgrade will not be rolled back.',
    },
  ];
}
