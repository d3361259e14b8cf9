import type { DirEntry } from '../dir-manifest.ts';
import type { LoggingPolicy } from '../policy/policy.ts';

/*
 * What the logging policy asks to be written down about an upload, with Kopia's messages and at Kopia's levels of
 * detail: docs/format/policy.md, "logging".
 */

/** Least level at which a detail is told. */
const DURATION_LEVEL = 1;
const SIZE_LEVEL = 3;
const TOTALS_LEVEL = 5;
const MTIME_LEVEL = 6;
const OBJECT_LEVEL = 7;
/** Least level at which a cache miss is told. */
const CACHE_MISS_LEVEL = 5;

/** One line of the log. The order of the details is the order in which they are written. */
export interface UploadLogLine {
  readonly message: string;
  readonly details: {
    /** Relative to the root with `/`; the root is `.`. */
    readonly path: string;
    readonly error?: string;
    readonly durationMs?: number;
    readonly entry?: Pick<DirEntry, 'type' | 'mode'>;
    readonly size?: number;
    readonly files?: number;
    readonly dirs?: number;
    readonly errors?: number;
    /** Nanoseconds since 1970. */
    readonly mtime?: bigint;
    readonly objectID?: string;
  };
}

export interface UploadLogOptions {
  readonly write: (line: UploadLogLine) => void;
  /** Milliseconds since any moment, never going back. */
  readonly nowMs: () => number;
  /** Instead of what policies say about directories and entries that were snapshotted. */
  readonly directoryDetail?: number | undefined;
  readonly entryDetail?: number | undefined;
}

/** Levels of one directory and its entries; 0: nothing. */
export interface LogLevels {
  readonly directory: number;
  readonly ignoredDirectory: number;
  readonly entry: number;
  readonly ignoredEntry: number;
  readonly cacheHit: number;
  readonly cacheMiss: number;
}

const SILENT: LogLevels = {
  directory: 0,
  ignoredDirectory: 0,
  entry: 0,
  ignoredEntry: 0,
  cacheHit: 0,
  cacheMiss: 0,
};

/** Writes lines as far as there is somebody who reads them: without options every call is a comparison. */
export class UploadLog {
  readonly #options: UploadLogOptions | undefined;
  readonly #levels: Map<LoggingPolicy, LogLevels> = new Map();

  constructor(options: UploadLogOptions | undefined) {
    this.#options = options;
  }

  levels(policy: LoggingPolicy): LogLevels {
    if (this.#options === undefined) return SILENT;
    let levels = this.#levels.get(policy);
    if (levels === undefined) {
      const { directoryDetail, entryDetail } = this.#options;
      const { directories, entries } = policy;
      levels = {
        directory: directoryDetail ?? directories.snapshotted ?? 0,
        ignoredDirectory: directories.ignored ?? 0,
        entry: entryDetail ?? entries.snapshotted ?? 0,
        ignoredEntry: entries.ignored ?? 0,
        cacheHit: entryDetail ?? entries.cacheHit ?? 0,
        cacheMiss: entries.cacheMiss ?? 0,
      };
      this.#levels.set(policy, levels);
    }
    return levels;
  }

  /** When something begins that will be told at `level`. */
  start(level: number): number {
    return level < DURATION_LEVEL ? 0 : (this.#options?.nowMs() ?? 0);
  }

  /** Says what became of an entry. What failed is told at every level. */
  done(
    level: number,
    message: string,
    path: string,
    outcome: { readonly startMs: number; readonly entry?: DirEntry; readonly error?: string },
  ): void {
    const { entry, error, startMs } = outcome;
    const options = this.#options;
    if (options === undefined || (level <= 0 && error === undefined)) return;
    options.write({
      message,
      details: {
        path: path === '' ? '.' : path,
        ...(error === undefined ? {} : { error }),
        ...(level >= DURATION_LEVEL ? { durationMs: options.nowMs() - startMs } : {}),
        ...(entry === undefined ? {} : entryDetails(level, entry)),
      },
    });
  }

  /** An earlier snapshot has this entry, but not as it is now. */
  cacheMiss(level: number, path: string, previous: DirEntry): void {
    if (level < CACHE_MISS_LEVEL) return;
    const { type, mode, size, mtime } = previous;
    const details = { path, entry: { type, mode }, size, mtime };
    this.#options?.write({ message: 'cache miss', details });
  }

  /** It did not change and is read all the same. */
  rehashed(objectID: string, path: string): void {
    this.#options?.write({ message: 're-hashing cached object', details: { path, objectID } });
  }
}

function entryDetails(
  level: number,
  { summary, size, mtime, objectID }: DirEntry,
): Partial<UploadLogLine['details']> {
  return {
    ...(level >= SIZE_LEVEL ? { size: summary?.size ?? size } : {}),
    ...(level >= TOTALS_LEVEL && summary !== undefined
      ? {
          files: summary.files,
          dirs: summary.dirs,
          errors: summary.numFailed + summary.numIgnoredErrors,
        }
      : {}),
    ...(level >= MTIME_LEVEL ? { mtime: summary?.maxTime ?? mtime } : {}),
    ...(level >= OBJECT_LEVEL && objectID !== undefined ? { objectID } : {}),
  };
}
