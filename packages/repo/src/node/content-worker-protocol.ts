import type { KernelFormat } from '../content/create-kernel.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { ErrorCode, ErrorFacts } from '../errors.ts';
import type { PackedInfos } from './packed-infos.ts';

/** What a worker needs to compute for one repository. Holds secrets: it goes to threads of this process only. */
export interface ContentWorkerSetup {
  readonly format: KernelFormat;
  readonly memory: WebAssembly.Memory;
  /** Where in `memory` this worker's kernels have their scratch. */
  readonly scratchOffset: number;
}

/** Stands for an offset: the bytes are the next of `loose`. */
export const LOOSE_OFFSET = -1;

/**
 * Byte strings in the shared memory: offset and length of each in turn. Numbers in one array instead of an
 * object for each: a batch of small contents would cost more to post than to hash.
 */
export interface WorkerBatch {
  readonly spans: Float64Array;
  /** Those that do not lie in the shared memory. */
  readonly loose: readonly Uint8Array[];
}

export type ContentWorkerTask =
  | { readonly kind: 'hash'; readonly batch: WorkerBatch }
  | {
      readonly kind: 'seal';
      readonly batch: WorkerBatch;
      /** One after the other. */
      readonly hashes: Uint8Array;
      /** One for all, or one for each. */
      readonly compressors: CompressorName | undefined | readonly (CompressorName | undefined)[];
      /** Shared memory that the worker fills; undefined: the bytes come back with the answer. */
      readonly target: Uint8Array | undefined;
      readonly targetLength: number;
    }
  | { readonly kind: 'open'; readonly batch: WorkerBatch; readonly infos: PackedInfos }
  /** Opens each content in its span of the shared memory, and writes it to its places. */
  | {
      readonly kind: 'open-in-place';
      readonly spans: Float64Array;
      readonly infos: PackedInfos;
      /** How many of `places` each content has; `HANDED_OVER`: its bytes come back with the answer. */
      readonly placeCounts: Int32Array;
      /** Descriptor, position, length and hole size of each in turn. */
      readonly places: Float64Array;
    }
  /** Imports the module, unless it is there, and runs its function: see `ThreadTask`. */
  | { readonly kind: 'call'; readonly module: string; readonly input: unknown }
  /** Reads each file to a span of the shared memory, whose length is its capacity, and hashes it there. */
  | {
      readonly kind: 'load';
      readonly paths: readonly (string | Uint8Array)[];
      readonly spans: Float64Array;
    };

/** Instead of a length: the file does not end within its span. */
export const FILE_GREW = -1;

/** Instead of a length: the file cannot be read. */
export const FILE_FAILED = -2;

/** Instead of a number of places. */
export const HANDED_OVER = -1;

/** Numbers that say what became of one content opened in place; the first is one of the states below. */
export const OUTCOME_LENGTH = 4;

/** Failed: the next of `errors`. */
export const OPEN_FAILED = 0;

/** Its data lies in the shared memory: offset and length follow. */
export const OPENED_IN_PLACE = 1;

/** Its data is the next of `loose`. */
export const OPENED_LOOSE = 2;

/** It was written to its places, save those that `failures` names. */
export const OPENED_AND_WRITTEN = 3;

export type ContentWorkerResult =
  | { readonly kind: 'hash'; readonly hashes: Uint8Array }
  | {
      readonly kind: 'seal';
      readonly lengths: Float64Array;
      readonly headerIDs: Uint32Array;
      readonly bytes: Uint8Array<ArrayBuffer> | undefined;
    }
  | {
      readonly kind: 'open';
      readonly opened: readonly { readonly data: Uint8Array; readonly repaired: boolean }[];
    }
  | {
      readonly kind: 'open-in-place';
      /** State, offset, length, and 1 if error correction had to mend it, of each in turn. */
      readonly outcomes: Float64Array;
      readonly loose: readonly Uint8Array<ArrayBuffer>[];
      readonly errors: readonly WorkerError[];
      readonly failures: readonly WriteFailure[];
    }
  | {
      readonly kind: 'load';
      readonly lengths: Float64Array;
      /** Of those that were read, one after the other. */
      readonly hashes: Uint8Array;
      /** Of those that failed, in order. */
      readonly errors: readonly WorkerError[];
    }
  | ThreadCallResult;

/** What a `call` gave: its buffers move. */
export interface ThreadCallResult {
  readonly kind: 'call';
  readonly output: unknown;
  readonly moved: readonly ArrayBuffer[];
}

export interface WriteFailure {
  /** Which of the places of the task. */
  readonly place: number;
  /** The name of a failed system call's error, such as ENOSPC. */
  readonly code: string | undefined;
  readonly error: WorkerError;
}

/** An error on its way between threads: everything but its class survives. */
export interface WorkerError {
  readonly name: string;
  readonly code: ErrorCode | undefined;
  readonly retryable: boolean;
  readonly message: string;
  readonly stack: string | undefined;
  readonly facts: ErrorFacts;
  readonly cause: WorkerError | undefined;
}

export interface ContentWorkerRequest {
  readonly id: number;
  readonly task: ContentWorkerTask;
}

export type ContentWorkerReply =
  | { readonly id: number; readonly result: ContentWorkerResult }
  | { readonly id: number; readonly error: WorkerError };
