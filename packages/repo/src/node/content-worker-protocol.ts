import type { KernelFormat } from '../content/create-kernel.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { SealedContent } from '../content/content-preparer.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { ErrorCode, ErrorFacts } from '../errors.ts';

/** What a worker needs to compute for one repository. Holds secrets: it goes to threads of this process only. */
export interface ContentWorkerSetup {
  readonly format: KernelFormat;
  readonly memory: WebAssembly.Memory;
  /** Where in `memory` this worker's kernels have their scratch. */
  readonly scratchOffset: number;
}

/** Bytes in the shared memory by offset, or bytes that the message itself carries. */
export type WorkerBytes =
  | { readonly offset: number; readonly length: number }
  | { readonly bytes: Uint8Array };

export type ContentWorkerTask =
  | { readonly kind: 'hash'; readonly batch: readonly WorkerBytes[] }
  | {
      readonly kind: 'seal';
      readonly batch: readonly {
        readonly data: WorkerBytes;
        readonly hash: Uint8Array;
        readonly compressor: CompressorName | undefined;
      }[];
      /** Shared memory that the worker fills; undefined: the bytes come back with the answer. */
      readonly target: Uint8Array | undefined;
      readonly targetLength: number;
    }
  | {
      readonly kind: 'open';
      readonly batch: readonly { readonly info: ContentInfo; readonly bytes: WorkerBytes }[];
    };

export type ContentWorkerResult =
  | { readonly kind: 'hash'; readonly hashes: readonly Uint8Array[] }
  | {
      readonly kind: 'seal';
      readonly sealed: readonly SealedContent[];
      readonly bytes: Uint8Array<ArrayBuffer> | undefined;
    }
  | {
      readonly kind: 'open';
      readonly opened: readonly { readonly data: Uint8Array; readonly repaired: boolean }[];
    };

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
