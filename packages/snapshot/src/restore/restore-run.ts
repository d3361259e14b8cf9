import { errorCode, type AbortOptions, type Repository } from '@longshore/repo';
import { positiveCount } from '../count-option.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { atPath } from '../damage.ts';
import { RestoreCounters, type RestoreEvent, type RestoreSummary } from './restore-events.ts';
import type { OutputFile, RestoreOutput } from './restore-output.ts';

const DEFAULT_PARALLEL = 8;
const DEFAULT_MEMORY_LIMIT = 64 * 1024 * 1024;
const DEFAULT_MAX_OPEN_FILES = 128;

/** Whether existing files are kept, replaced or refused is decided by the output. */
export interface RestoreOptions extends AbortOptions {
  /** Requests to the storage at once. Default 8. */
  readonly parallel?: number;
  /** Bytes of file contents and directory streams held at once. Default 64 MiB. */
  readonly memoryLimit?: number;
  /** Files being written at once. Default 128. */
  readonly maxOpenFiles?: number;
  /** An entry that fails is counted and left out, and the restore goes on. Default: the first failure ends it. */
  readonly ignoreErrors?: boolean;
  /** Remove from existing directories what the snapshot lacks. */
  readonly deleteExtra?: boolean;
  /** Entries deeper than this become placeholders; those of the root directory have depth 1. Default: none do. */
  readonly restoreDirEntryAtDepth?: number;
  /** Bytes. Smaller files are restored at any depth. */
  readonly minSizeForPlaceholder?: number;
  /**
   * Restore the root as this entry of `output.root`, whose own attributes are not touched. Default for a directory:
   * it is `output.root`; for anything else: its recorded name.
   */
  readonly name?: string;
  readonly onEvent?: (event: RestoreEvent) => void;
}

/** State that all parts of one restore share. */
export class RestoreRun {
  readonly repository: Repository;
  readonly output: RestoreOutput;
  readonly options: RestoreOptions;
  /** Ends the whole run. */
  readonly failure: AbortController = new AbortController();
  readonly signal: AbortSignal;
  readonly parallel: number;
  readonly contentMemory: number;
  readonly directoryMemory: number;
  /** Files of several chunks in one wave: with one file for each request, no more are open at once. */
  readonly maxLargeFilesPerWave: number;
  readonly #openFiles = new Set<OutputFile>();
  readonly #counters = new RestoreCounters();

  constructor(repository: Repository, output: RestoreOutput, options: RestoreOptions) {
    const { memoryLimit = DEFAULT_MEMORY_LIMIT, maxOpenFiles = DEFAULT_MAX_OPEN_FILES } = options;
    this.repository = repository;
    this.output = output;
    this.options = options;
    this.signal =
      options.signal === undefined
        ? this.failure.signal
        : AbortSignal.any([options.signal, this.failure.signal]);
    this.parallel = positiveCount('parallel', options.parallel ?? DEFAULT_PARALLEL);
    this.directoryMemory = Math.ceil(positiveCount('memoryLimit', memoryLimit) / 4);
    this.contentMemory = memoryLimit - this.directoryMemory;
    this.maxLargeFilesPerWave = Math.max(
      1,
      positiveCount('maxOpenFiles', maxOpenFiles) - this.parallel,
    );
  }

  emit(event: RestoreEvent): void {
    this.#counters.add(event);
    this.options.onEvent?.(event);
  }

  /** Counts what struck one entry, or throws if that is to end the restore. Defects in longshore always do. */
  fail(path: string, { objectID }: Pick<DirEntry, 'objectID'>, error: unknown): void {
    this.signal.throwIfAborted();
    const named = atPath(path, objectID, error);
    if (this.options.ignoreErrors !== true || errorCode(named) === undefined) throw named;
    this.emit({ type: 'entry-failed', path, error: named });
  }

  /** Another file is opened only when its turn to be written has come. */
  get hasMostFilesOpen(): boolean {
    return this.#openFiles.size >= this.maxLargeFilesPerWave;
  }

  opened(file: OutputFile): void {
    this.#openFiles.add(file);
  }

  closed(file: OutputFile): void {
    this.#openFiles.delete(file);
  }

  /** After a failure, when nothing is running any more. Tries all; the failure matters more than what goes wrong here. */
  async abandonOpenFiles(): Promise<void> {
    for (const file of this.#openFiles) {
      try {
        await file.abandon();
      } catch (error) {
        this.options.onEvent?.({ type: 'entry-failed', path: '', error });
      }
    }
    this.#openFiles.clear();
  }

  summary(): RestoreSummary {
    return this.#counters.summary(this.output.capabilities.exactTimes);
  }
}
