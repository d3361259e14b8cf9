import type { ErrorCode } from '@longshore/repo';
import type { StorageLocation } from './engine.ts';

/** A call of the storage at which a process ends itself as SIGKILL does. */
export interface KillPoint {
  readonly operation: 'put' | 'delete';
  readonly idPrefix: string;
  /** Matching calls that pass. */
  readonly skip: number;
  readonly when: 'before' | 'after';
}

export type ChildRequest = {
  readonly location: StorageLocation;
  /** Prepare contents on worker threads. */
  readonly threads: boolean;
  readonly killPoint?: KillPoint;
  readonly userName?: string;
  readonly checkpointIntervalMs?: number;
} & (
  | { readonly action: 'create' | 'verify' }
  /** `tree`: what is backed up, or where the newest snapshot is restored to. */
  | { readonly action: 'snapshot' | 'restore'; readonly tree: string }
);

/** One line of JSON each. The last is `done` or `failed`, unless the process was killed. */
export type ChildMessage =
  | { readonly type: 'opened' | 'checkpoint' }
  | { readonly type: 'retry'; readonly count: number }
  | { readonly type: 'usage'; readonly maxRSSKiB: number; readonly cpuMicroseconds: number }
  | ChildResult
  | { readonly type: 'failed'; readonly code: ErrorCode | undefined; readonly text: string };

export interface ChildResult {
  readonly type: 'done';
  readonly snapshotID?: string;
  /** Plaintext that the repository did not have. */
  readonly newBytes?: number;
  readonly uploadedBytes?: number;
  readonly fileCount?: number;
  readonly cachedFiles?: number;
  readonly errorCount?: number;
  readonly files?: number;
  readonly bytesRead?: number;
}
