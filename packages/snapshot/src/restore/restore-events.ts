/** What a restore tells its caller, synchronously and in no particular order. Paths are relative to `output.root`, with `/`. */
export type RestoreEvent =
  /** Everything that is planned so far; grows until the last wave is planned. Sizes in bytes. */
  | { readonly type: 'planned'; readonly files: number; readonly bytes: number }
  | { readonly type: 'bytes-written'; readonly bytes: number }
  | { readonly type: 'file-restored'; readonly path: string; readonly size: number }
  | { readonly type: 'symlink-restored'; readonly path: string }
  /** With everything below it, save what failed. */
  | { readonly type: 'directory-restored'; readonly path: string }
  | { readonly type: 'placeholder-written'; readonly path: string }
  | {
      readonly type: 'entry-skipped';
      readonly path: string;
      readonly size: number;
      /** `same-name`: a later entry of the directory has its name, and that one is restored. */
      readonly reason: 'existing' | 'same-name';
    }
  /** Entries of an existing directory that the snapshot lacks, each with all below it. */
  | { readonly type: 'extra-deleted'; readonly path: string; readonly count: number }
  /** Only with `ignoreErrors`: otherwise the error ends the restore. */
  | { readonly type: 'entry-failed'; readonly path: string; readonly error: unknown };

/** What a restore did. Sizes in bytes. */
export interface RestoreSummary {
  readonly files: number;
  readonly bytes: number;
  readonly symlinks: number;
  readonly directories: number;
  readonly placeholders: number;
  /** Left alone, because what is there counts as the same or because a later entry has the name. */
  readonly skipped: number;
  readonly skippedBytes: number;
  readonly deletedExtra: number;
  /** More than 0 only with `ignoreErrors`. */
  readonly errors: number;
  /** False: the target keeps times to about a microsecond only. */
  readonly exactTimes: boolean;
}

type Counters = { -readonly [Name in Exclude<keyof RestoreSummary, 'exactTimes'>]: number };

/** Adds events up. */
export class RestoreCounters {
  readonly #counters: Counters = {
    files: 0,
    bytes: 0,
    symlinks: 0,
    directories: 0,
    placeholders: 0,
    skipped: 0,
    skippedBytes: 0,
    deletedExtra: 0,
    errors: 0,
  };

  add(event: RestoreEvent): void {
    const counters = this.#counters;
    switch (event.type) {
      case 'planned':
        break;
      case 'bytes-written':
        counters.bytes += event.bytes;
        break;
      case 'file-restored':
        counters.files += 1;
        break;
      case 'symlink-restored':
        counters.symlinks += 1;
        break;
      case 'directory-restored':
        counters.directories += 1;
        break;
      case 'placeholder-written':
        counters.placeholders += 1;
        break;
      case 'entry-skipped':
        counters.skipped += 1;
        counters.skippedBytes += event.size;
        break;
      case 'extra-deleted':
        counters.deletedExtra += event.count;
        break;
      case 'entry-failed':
        counters.errors += 1;
        break;
    }
  }

  summary(exactTimes: boolean): RestoreSummary {
    return { ...this.#counters, exactTimes };
  }
}
