import { abortOptions } from '../blob/storage.ts';
import { refuseOtherIndexStyle } from '../content/indexblob/index-style.ts';
import { describeError } from '../errors.ts';
import { unfinishedRun, type MaintenanceRun, type MaintenanceStatistics } from './schedule.ts';
import { recordRun } from './schedule-blob.ts';
import type { MaintenanceEvent, MaintenanceTask, RunContext, TaskContext } from './tasks.ts';

/** What came of one task. */
export interface TaskResult {
  readonly task: MaintenanceTask;
  readonly statistics: MaintenanceStatistics | undefined;
}

/** Runs the tasks of one maintenance and keeps the record of each in `kopia.maintenance`. */
export class TaskRunner {
  readonly results: TaskResult[] = [];
  readonly #context: RunContext;
  readonly #onEvent: (event: MaintenanceEvent) => void;

  constructor(context: RunContext, onEvent: (event: MaintenanceEvent) => void) {
    this.#context = context;
    this.#onEvent = onEvent;
  }

  /** The record of a success is part of the task: later decisions rest on it, so that its loss is a failure. */
  async run(
    task: MaintenanceTask,
    work: (context: TaskContext) => Promise<MaintenanceStatistics | undefined>,
  ): Promise<void> {
    const { repository, dryRun, signal } = this.#context;
    signal?.throwIfAborted();
    // An upgrade may have begun, or even ended, while the task before this one ran.
    await repository.formatManager.refreshIfStale(abortOptions(this.#context));
    refuseOtherIndexStyle(repository.formatManager, repository.indexBlobs);
    this.#onEvent({ type: 'task-started', task });
    const start = repository.clock();
    let isRecorded = false;
    const context: TaskContext = {
      ...this.#context,
      onChange: (change) => this.#onEvent({ type: 'change', task, ...change }),
      recordProgress: () => {
        isRecorded = true;
        return this.#record(task, unfinishedRun(start, repository.clock()));
      },
    };
    let statistics: MaintenanceStatistics | undefined;
    try {
      statistics = await work(context);
    } catch (error) {
      // An abort writes nothing more, unless others go by how far the task has come.
      const isWanted = isRecorded || signal?.aborted !== true;
      if (!dryRun && isWanted) await this.#recordFailure(task, start, error);
      signal?.throwIfAborted();
      throw error;
    }
    const end = repository.clock();
    const extra = statistics === undefined ? [] : [statistics];
    if (!dryRun) await this.#record(task, { start, end, success: true, error: '', extra });
    this.results.push({ task, statistics });
    this.#onEvent({ type: 'task-ended', task, statistics });
  }

  postpone(task: MaintenanceTask, reason: string): void {
    this.#onEvent({ type: 'task-postponed', task, reason });
  }

  /** The task's own error matters more than one of writing it down. */
  async #recordFailure(task: MaintenanceTask, start: bigint, error: unknown): Promise<void> {
    const end = this.#context.repository.clock();
    const run = { start, end, success: false, error: describeError(error), extra: [] };
    await this.#record(task, run).catch(() => undefined);
  }

  /** No abort: what was done has been done, and others go by the record. */
  #record(task: MaintenanceTask, run: MaintenanceRun): Promise<void> {
    const { storage, formatManager } = this.#context.repository;
    return recordRun(storage, formatManager, task, run);
  }
}
