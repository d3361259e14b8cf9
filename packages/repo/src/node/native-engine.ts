import { availableParallelism } from 'node:os';
import { createSplitter, loadSplitterKernels, SPLITTER_SCRATCH_SIZE } from '@longshore/chunker';
import type { ContentEngineFactory } from '../content/content-engine.ts';
import type { KernelFormat } from '../content/create-kernel.ts';
import { LongshoreError } from '../errors.ts';
import { mostWorkers, planMemory } from '../memory-plan.ts';
import { HASH_SCRATCH_SIZE } from './native-algorithms.ts';
import { startContentThread, WorkerPreparer } from './worker-preparer.ts';

const WASM_PAGE_SIZE = 64 * 1024;

/** Beyond this, more threads wait for memory rather than compute. */
const MAX_WORKERS = 16;

/** Smallest slot: a batch of small files is collected in one. */
const MIN_SLOT_SIZE = 2 * 1024 * 1024;

export interface NativeEngineOptions {
  /** Worker threads, 1 to 16; default: one for each processor that this process may use. */
  readonly workers?: number;
  /**
   * Buffers of plaintext, each of the splitter's largest segment and 1 MiB, at least 1. Default: what
   * `planMemory` gives.
   */
  readonly slots?: number;
  /**
   * Bytes that the whole process may take. With less than all processors need there are fewer threads, buffers and
   * uploads; what they take in the end is `plan.peakBytes` of the engine. Default: no limit.
   */
  readonly memoryLimit?: number | undefined;
  /**
   * Starts the threads now and not with their first work, for a process that is about to open a repository and to write
   * to it. They belong to the first engine that is made; without one they stay, but do not hold the process.
   */
  readonly startThreads?: boolean;
}

/**
 * Prepares contents on worker threads over one shared memory. How memory is divided, and how
 * much that is, says the `plan` of the engine.
 */
export function nativeEngine(options: NativeEngineOptions = {}): ContentEngineFactory {
  const workers = options.workers ?? Math.min(MAX_WORKERS, availableParallelism());
  if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `${workers} workers: 1 to ${MAX_WORKERS} possible`,
    );
  }
  const { slots, memoryLimit: limit } = options;
  if (slots !== undefined && (!Number.isInteger(slots) || slots < 1)) {
    throw new LongshoreError('INVALID_ARGUMENT', `${slots} slots: at least 1 is needed`);
  }
  const threads =
    options.startThreads === true
      ? Array.from({ length: mostWorkers(limit, workers) }, startContentThread)
      : [];
  // One that ends before it has work is replaced then.
  for (const thread of threads) thread.on('error', () => undefined);
  return async ({ format, kernel, minimumSlotSize }) => {
    const slotSize = Math.max(MIN_SLOT_SIZE, minimumSlotSize);
    const plan = planMemory({ limit, workers, slotSize, packSize: format.maxPackSize });
    const slotCount = slots ?? plan.slots;
    for (const superfluous of threads.splice(plan.workers)) void superfluous.terminate();
    // One scratch region for each worker and one for the splitters of the calling thread.
    const scratchSize = aligned(Math.max(HASH_SCRATCH_SIZE, SPLITTER_SCRATCH_SIZE));
    const slotsOffset = scratchSize * (plan.workers + 1);
    const readingOffset = aligned(slotsOffset + slotSize * slotCount);
    const { readBuffers: count, readBufferLength: bufferLength } = plan;
    const pages = Math.ceil((readingOffset + bufferLength * count) / WASM_PAGE_SIZE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const kernels = await loadSplitterKernels({ memory, scratchOffset: 0 });
    const preparer = new WorkerPreparer({
      kernel,
      memory,
      slotsOffset,
      slotSize,
      slotCount,
      reading: { offset: readingOffset, bufferLength, count },
      threads: threads.splice(0),
      setups: Array.from({ length: plan.workers }, (_, index) => ({
        format: kernelFormat(format),
        memory,
        scratchOffset: scratchSize * (index + 1),
      })),
    });
    return {
      preparer,
      plan,
      createSplitter: (name) => createSplitter(name, { kernels }),
      [Symbol.asyncDispose]: () => preparer[Symbol.asyncDispose](),
    };
  };
}

/** Only what kernels need goes to other threads. */
function kernelFormat({ hash, secret, encryption, masterKey, ecc }: KernelFormat): KernelFormat {
  return { hash, secret, encryption, masterKey, ecc };
}

function aligned(size: number): number {
  return Math.ceil(size / WASM_PAGE_SIZE) * WASM_PAGE_SIZE;
}
