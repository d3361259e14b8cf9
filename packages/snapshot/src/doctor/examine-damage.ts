import { describeError, type RepositorySurvey } from '@longshore/repo';
import { countOf, formatBytes, nameSome, type Examination, type Finding } from './finding.ts';

/** Data that is lost, or that cannot be read. */
export const examineDamage: Examination = (survey) => [
  ...missingPacks(survey),
  ...emptyBlobs(survey),
  ...lostEpochs(survey),
  ...lostMarker(survey),
  ...unreadableParts(survey),
];

function missingPacks({ missingPacks: { count, bytes, named } }: RepositorySurvey): Finding[] {
  if (count === 0) return [];
  const packs = countOf(count, 'pack');
  return [
    {
      id: 'missing-packs',
      severity: 'error',
      cause: `The index names ${packs} that the storage does not have: ${nameSome(named, count)}.`,
      effect: `Contents of ${formatBytes(bytes)} cannot be read. Snapshots that need them cannot be restored in full, and new backups take them for stored.`,
      remedy:
        'Find out which snapshots are hurt with "snapshot verify". Restore the blobs from a replica or from older versions in the bucket; otherwise remove the files with "snapshot fix".',
    },
  ];
}

function emptyBlobs({ emptyBlobs: { count, named } }: RepositorySurvey): Finding[] {
  if (count === 0) return [];
  return [
    {
      id: 'empty-blobs',
      severity: 'error',
      cause: `${countOf(count, 'blob has', 'blobs have')} no bytes at all: ${nameSome(named, count)}. A power failure or a full disk cut the writing short.`,
      effect:
        'An empty pack has lost its contents, an empty index blob stops everybody from opening the repository, and an empty session marker stops the deletion of unreferenced packs.',
      remedy:
        'Move the empty files away, then run "snapshot verify". Contents of a lost index are found again with "index recover".',
    },
  ];
}

function lostEpochs({ epochs }: RepositorySurvey): Finding[] {
  if (epochs === undefined || epochs.lostEpochs.length === 0) return [];
  const list = epochs.lostEpochs.slice(0, 5).join(', ');
  return [
    {
      id: 'lost-epochs',
      severity: 'error',
      cause: `No index blob is left of ${countOf(epochs.lostEpochs.length, 'epoch')} (${list}), although an epoch only ends when it has some.`,
      effect:
        'Contents written in that time cannot be found. Maintenance refuses to run, and that of Kopia would take their packs for garbage.',
      remedy:
        'Keep Kopia from maintaining. Restore the index blobs, or index the packs again and close the epochs with "index recover --commit", then run "snapshot verify".',
    },
  ];
}

function lostMarker({ epochs }: RepositorySurvey): Finding[] {
  if (epochs?.lostMarker === undefined) return [];
  return [
    {
      id: 'lost-epoch-marker',
      severity: 'error',
      cause: `Epoch ${epochs.lostMarker} must have begun by the names of index blobs, but no marker says so.`,
      effect: 'Index blobs of later epochs do not count. Maintenance refuses to run.',
      remedy: 'Restore the marker, or have it written again by "index recover --commit".',
    },
  ];
}

function unreadableParts({ unreadable }: RepositorySurvey): Finding[] {
  return unreadable.map(({ what, error }): Finding => {
    const cause = `${describeError(error)}.`;
    if (what === 'schedule') {
      return {
        id: 'unreadable-schedule',
        severity: 'warning',
        cause,
        effect: 'Maintenance cannot run: it does not know what was done before.',
        remedy:
          'Delete the blob kopia.maintenance. The history of maintenance is lost with it, which only delays the next deletions.',
      };
    }
    return {
      id: 'unreadable-session',
      severity: 'warning',
      cause,
      effect:
        'Unreferenced packs are not deleted, because nobody knows whether a live session wrote them.',
      remedy:
        'If no backup has been running for four days, delete that blob; otherwise wait for the backup to end first.',
    };
  });
}
