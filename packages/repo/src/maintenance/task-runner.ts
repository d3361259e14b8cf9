import { abortOptions } from '../blob/storage.ts';
import { refuseOtherIndexStyle } from '../content/indexblob/index-style.ts';
import { describeError } from '../errors.ts';
import type { MaintenanceRun, MaintenanceStatistics } from './schedule.ts';
import { recordRun, type KnownSchedule } from './schedule-blob.ts';
import type { MaintenanceEvent, MaintenanceTask, TaskContext } from './tasks.ts';

/** What came of one task. */
export interface TaskResult {
  readonly task: MaintenanceTask;
  readonly statistics: MaintenanceStatistics | undefined;
}

/** Runs the tasks of one maintenance and keeps the record of each in `kopia.maintenance`. */
export class TaskRunner {
  readonly results: TaskResult[] = [];
  readonly #context: Omit<TaskContext, 'onChange'>;
  readonly #onEvent: (event: MaintenanceEvent) => void;
  #schedule: KnownSchedule | undefined;

  constructor(context: Omit<TaskContext, 'onChange'>, onEvent: (event: MaintenanceEvent) => void) {
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
    const context: TaskContext = {
      ...this.#context,
      onChange: (change) => this.#onEvent({ type: 'change', task, ...change }),
    };
    const start = repository.clock();
    let statistics: MaintenanceStatistics | undefined;
    try {
      statistics = await work(context);
    } catch (error) {
      signal?.throwIfAborted();
      if (!dryRun) await this.#recordFailure(task, start, error);
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

  async #record(task: MaintenanceTask, run: MaintenanceRun): Promise<void> {
    const options = { ...abortOptions(this.#context), known: this.#schedule };
    this.#schedule = undefined;
    this.#schedule = await recordRun(this.#context.repository, { task, run }, options);
  }
}
