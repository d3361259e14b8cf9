import { wrapTime, type DirEntry } from '../dir-manifest.ts';

/** Metadata in which two entries may differ, in the order in which Kopia names them. */
export const COMPARED_FIELDS = ['mode', 'size', 'mtime', 'uid', 'gid'] as const;

export type ComparedField = (typeof COMPARED_FIELDS)[number];

/** What a comparison finds. Paths begin with `.`, the root, as Kopia prints them. */
export type Difference =
  | { readonly type: 'added' | 'removed'; readonly path: string; readonly entry: DirEntry }
  | {
      readonly type: 'modified';
      readonly path: string;
      readonly before: DirEntry;
      readonly after: DirEntry;
      readonly fields: readonly ComparedField[];
      /** False: the object is the same, and only the metadata differ. */
      readonly contentChanged: boolean;
    };

/** Whether entries differ in a field. The type is part of the mode, as in Go. */
export function differingFields(before: DirEntry, after: DirEntry): readonly ComparedField[] {
  const [a, b] = [shownMetadata(before), shownMetadata(after)];
  return COMPARED_FIELDS.filter((name) => {
    if (name === 'mode') return a.mode !== b.mode || a.type !== b.type;
    if (name === 'mtime') return wrapTime(a.mtime) !== wrapTime(b.mtime);
    return a[name] !== b[name];
  });
}

/** A directory below the root as Kopia shows it: with the size and the newest time of all that is in it. */
export function listedEntry(entry: DirEntry): DirEntry {
  const { summary } = entry;
  if (entry.type !== 'd' || summary === undefined) return entry;
  return { ...entry, size: summary.size, mtime: summary.maxTime };
}

function shownMetadata({
  type,
  mode,
  size,
  mtime,
  uid,
  gid,
}: DirEntry): Pick<DirEntry, ComparedField | 'type'> {
  return { type, mode, size, mtime, uid, gid };
}
