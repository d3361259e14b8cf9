import type { EpochNanoseconds } from '@longshore/repo';
import {
  compareDirEntries,
  EMPTY_SUMMARY,
  wrapTime,
  type DirEntry,
  type DirManifest,
  type DirSummary,
  type EntryError,
  type IncompleteReason,
} from './dir-manifest.ts';
import { compareUtf8 } from './text-order.ts';

type Totals = {
  -readonly [K in Exclude<keyof DirSummary, 'errors' | 'incomplete'>]: DirSummary[K];
};

/**
 * Collects the entries of one directory in any order and closes them into the manifest that Kopia would
 * write. Copies share nothing: a checkpoint clones the builder and goes on.
 */
export class DirManifestBuilder {
  readonly #entries: DirEntry[];
  readonly #errors: EntryError[];
  readonly #totals: Totals;

  constructor(from?: DirManifestBuilder) {
    this.#entries = from === undefined ? [] : from.#entries.slice();
    this.#errors = from === undefined ? [] : from.#errors.slice();
    this.#totals = { ...(from === undefined ? EMPTY_SUMMARY : from.#totals) };
  }

  clone(): DirManifestBuilder {
    return new DirManifestBuilder(this);
  }

  add(entry: DirEntry): void {
    this.#entries.push(entry);
    this.#raiseMaxTime(entry.mtime);
    if (entry.type === 'f') {
      this.#totals.files += 1;
      this.#totals.size += entry.size;
    } else if (entry.type === 's') {
      this.#totals.symlinks += 1;
    } else if (entry.type === 'd' && entry.summary !== undefined) {
      this.#addSubtree(entry.summary);
    }
  }

  /** `ignored`: the error handling policy lets the snapshot count as good. */
  addError(error: EntryError, ignored: boolean): void {
    this.#errors.push(error);
    if (ignored) this.#totals.numIgnoredErrors += 1;
    else this.#totals.numFailed += 1;
  }

  /** `mtime` is the directory's own: it counts only when there are no entries. */
  build(mtime: EpochNanoseconds, incomplete?: IncompleteReason): DirManifest {
    const totals = this.#totals;
    return {
      entries: this.#entries.toSorted(compareDirEntries),
      summary: {
        size: totals.size,
        files: totals.files,
        symlinks: totals.symlinks,
        dirs: totals.dirs + 1,
        maxTime: this.#entries.length === 0 ? mtime : totals.maxTime,
        ...(incomplete === undefined ? {} : { incomplete }),
        numFailed: totals.numFailed,
        numIgnoredErrors: totals.numIgnoredErrors,
        errors: this.#errors.toSorted((a, b) => compareUtf8(a.path, b.path)),
      },
    };
  }

  #addSubtree(below: DirSummary): void {
    const totals = this.#totals;
    totals.files += below.files;
    totals.size += below.size;
    totals.dirs += below.dirs;
    totals.symlinks += below.symlinks;
    totals.numFailed += below.numFailed;
    totals.numIgnoredErrors += below.numIgnoredErrors;
    this.#raiseMaxTime(below.maxTime);
    for (const error of below.errors) this.#errors.push(error);
  }

  #raiseMaxTime(time: EpochNanoseconds): void {
    const stored = wrapTime(time);
    if (stored > this.#totals.maxTime) this.#totals.maxTime = stored;
  }
}
