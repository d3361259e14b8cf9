import type { Difference } from './difference.ts';

/** Counts of one kind of entry. The members are Kopia's, in its order. */
export interface DiffCounts {
  added: number;
  removed: number;
  /** A file counts once for its metadata and once for its content, as in Kopia. */
  modified: number;
  sameContentButDifferentMetadata: number;
  sameContentButDifferentMode: number;
  sameContentButDifferentModificationTime: number;
  sameContentButDifferentUserOwner: number;
  sameContentButDifferentGroupOwner: number;
}

/** What `diff --stats-only` prints. Everything that is no directory counts as a file. */
export interface DiffStats {
  readonly fileEntries: DiffCounts;
  readonly directoryEntries: DiffCounts;
}

const SAME_CONTENT_COUNTERS = {
  mode: 'sameContentButDifferentMode',
  mtime: 'sameContentButDifferentModificationTime',
  uid: 'sameContentButDifferentUserOwner',
  gid: 'sameContentButDifferentGroupOwner',
} as const;

export function newDiffStats(): DiffStats {
  return { fileEntries: newCounts(), directoryEntries: newCounts() };
}

/** Adds a difference to the counts that Kopia would add it to. */
export function countDifference(stats: DiffStats, difference: Difference): void {
  if (difference.type !== 'modified') {
    const { type, entry } = difference;
    (entry.type === 'd' ? stats.directoryEntries : stats.fileEntries)[type] += 1;
    return;
  }
  if (difference.contentChanged) countChange(stats, difference);
  else countMetadata(stats, difference);
}

type Modification = Extract<Difference, { readonly type: 'modified' }>;

function countChange(stats: DiffStats, { before, after, fields }: Modification): void {
  const isDirectory = before.type === 'd' && after.type === 'd';
  const counts = isDirectory ? stats.directoryEntries : stats.fileEntries;
  if (fields.length > 0) counts.modified += 1;
  if (before.type === 'f' && after.type === 'f') counts.modified += 1;
}

function countMetadata(stats: DiffStats, { before, fields }: Modification): void {
  const counts = before.type === 'd' ? stats.directoryEntries : stats.fileEntries;
  let isCounted = false;
  for (const name of fields) {
    if (name === 'size') continue;
    counts[SAME_CONTENT_COUNTERS[name]] += 1;
    isCounted = true;
  }
  if (isCounted) counts.sameContentButDifferentMetadata += 1;
}

function newCounts(): DiffCounts {
  return {
    added: 0,
    removed: 0,
    modified: 0,
    sameContentButDifferentMetadata: 0,
    sameContentButDifferentMode: 0,
    sameContentButDifferentModificationTime: 0,
    sameContentButDifferentUserOwner: 0,
    sameContentButDifferentGroupOwner: 0,
  };
}
