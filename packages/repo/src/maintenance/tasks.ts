import type { EpochNanoseconds } from '../clock.ts';
import type { OpenWritableRepository } from '../repository.ts';
import type { MaintenanceParameters } from './parameters.ts';
import type { SafetyParameters } from './safety.ts';
import type { MaintenanceStatistics } from './schedule.ts';

/** Kopia's names, under which runs are kept in `kopia.maintenance`. */
export type MaintenanceTask =
  | 'snapshot-gc'
  | 'quick-rewrite-contents'
  | 'full-rewrite-contents'
  | 'full-drop-deleted-content'
  | 'quick-delete-blobs'
  | 'full-delete-blobs'
  | 'index-compaction'
  | 'extend-blob-retention-time'
  | 'cleanup-logs'
  | 'advance-epoch'
  | 'delete-superseded-epoch-indexes'
  | 'cleanup-epoch-markers'
  | 'generate-epoch-range-index'
  | 'compact-single-epoch';

export type MaintenanceMode = 'quick' | 'full';

/** What a task does to one blob or content; in a dry run: would do. */
export interface MaintenanceChange {
  readonly action:
    | 'delete-blob'
    | 'write-index'
    | 'advance-epoch'
    | 'advance-watermark'
    | 'extend-lock'
    | 'rewrite-content'
    | 'delete-content'
    | 'undelete-content';
  /** Blob or content ID; for index blobs that are yet to be written, what they will hold. */
  readonly id: string;
  /** Stored bytes; 0 where nothing is freed or moved. */
  readonly bytes: number;
  readonly reason: string;
}

export type MaintenanceEvent =
  | {
      readonly type: 'started';
      readonly mode: MaintenanceMode;
      /** By the storage's clock; in a dry run by the local one. */
      readonly startTime: EpochNanoseconds;
    }
  | { readonly type: 'task-started'; readonly task: MaintenanceTask }
  | { readonly type: 'task-postponed'; readonly task: MaintenanceTask; readonly reason: string }
  | ({ readonly type: 'change'; readonly task: MaintenanceTask } & MaintenanceChange)
  | {
      readonly type: 'task-ended';
      readonly task: MaintenanceTask;
      readonly statistics: MaintenanceStatistics | undefined;
    };

/** What the tasks of one run work with. */
export interface RunContext {
  readonly repository: OpenWritableRepository;
  readonly parameters: MaintenanceParameters;
  readonly safety: SafetyParameters;
  /** When this maintenance began by the storage's clock: all ages count from here. */
  readonly startTime: EpochNanoseconds;
  /** Find out and report, but write and delete nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface TaskContext extends RunContext {
  readonly onChange: (change: MaintenanceChange) => void;
  /** Records that the task has come as far as this moment: if the process dies, others still go by it. */
  readonly recordProgress: () => Promise<void>;
}

/** Marks contents that no snapshot needs as deleted, and brings back deleted ones that some snapshot needs. */
export type SnapshotGC = (context: TaskContext) => Promise<MaintenanceStatistics>;
