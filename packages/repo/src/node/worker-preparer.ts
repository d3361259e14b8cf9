import { Worker } from 'node:worker_threads';
import type { AbortOptions } from '../blob/storage.ts';
import { concatBytes } from '../bytes.ts';
import type { CompressorName } from '../compression/compressor.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import type {
  ContentPreparer,
  DestinedContent,
  FileToLoad,
  InPlaceOpener,
  LoadedFile,
  OpenedContent,
  OpenOutcome,
  SealedContent,
  Slot,
  SlotPool,
  StoredContent,
  ThreadTask,
  UnsealedContent,
  WrittenContent,
} from '../content/content-preparer.ts';
import { createInThreadPreparer, createSlotPool } from '../content/in-thread-preparer.ts';
import { describeError, invariant, LongshoreError } from '../errors.ts';
import {
  FILE_FAILED,
  FILE_GREW,
  LOOSE_OFFSET,
  type ContentWorkerReply,
  type ContentWorkerResult,
  type ContentWorkerSetup,
  type ContentWorkerTask,
  type WorkerBatch,
} from './content-worker-protocol.ts';
import { alignedBuffer } from './direct-write.ts';
import { inPlaceOutcomes, inPlaceTask } from './in-place-messages.ts';
import { packInfos } from './packed-infos.ts';
import { unpackError } from './worker-error.ts';

/** Batches below this many bytes cost less than a message to another thread. */
const INLINE_LENGTH = 48 * 1024;

/** The same for opening while no worker runs: starting one takes as long as opening tens of megabytes. */
const COLD_INLINE_LENGTH = 1024 * 1024;

/** Tasks that a worker has at once: one that runs and one that waits, so that it never idles. */
const TASKS_PER_WORKER = 2;

export interface WorkerPreparerOptions {
  /** The same computations on the calling thread, for small batches. */
  readonly kernel: ContentKernel;
  /** Shared: the scratch regions of all threads, then the slots. */
  readonly memory: WebAssembly.Memory;
  readonly slotsOffset: number;
  readonly slotSize: number;
  readonly slotCount: number;
  /** Buffers of the same memory for stored bytes that are opened in place. */
  readonly reading: {
    readonly offset: number;
    readonly bufferLength: number;
    readonly count: number;
  };
  /** One for each worker. */
  readonly setups: readonly ContentWorkerSetup[];
  /** Already running, for the first workers. They end with the preparer. */
  readonly threads?: readonly Worker[];
}

interface Task {
  readonly task: ContentWorkerTask;
  /** Buffers that move to the worker with the message. */
  readonly moved: readonly ArrayBuffer[];
  readonly resolve: (result: ContentWorkerResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Prepares contents on a fixed number of worker threads. Plaintext lies in slots of a shared memory and
 * sealed bytes go into shared buffers, so that messages carry descriptions only.
 */
export class WorkerPreparer implements ContentPreparer {
  readonly parallelism: number;
  readonly slots: SlotPool;
  readonly inPlace: InPlaceOpener;
  readonly #kernel: ContentKernel;
  readonly #inline: ContentPreparer;
  readonly #memory: WebAssembly.Memory;
  /** Setups that no worker has. */
  readonly #unused: ContentWorkerSetup[];
  readonly #workers: Set<PreparingWorker> = new Set();
  readonly #waiting: Task[] = [];
  /** Threads that no worker runs on yet. */
  readonly #spare: Worker[];
  #disposed = false;

  constructor(options: WorkerPreparerOptions) {
    const { kernel, memory, slotsOffset, slotSize, slotCount, setups, threads = [] } = options;
    this.#kernel = kernel;
    this.#memory = memory;
    this.#unused = [...setups];
    this.#spare = [...threads];
    this.parallelism = setups.length;
    let made = 0;
    this.slots = createSlotPool({
      slotSize,
      count: slotCount,
      create: () => new Uint8Array(memory.buffer, slotsOffset + slotSize * made++, slotSize),
      copy: createCopy(),
    });
    this.#inline = createInThreadPreparer(kernel, this.slots);
    const { offset, bufferLength, count } = options.reading;
    let buffersMade = 0;
    const buffers = createSlotPool({
      slotSize: bufferLength,
      count,
      create: () =>
        new Uint8Array(memory.buffer, offset + bufferLength * buffersMade++, bufferLength),
    });
    this.inPlace = {
      bufferLength,
      acquire: (acquireOptions) => buffers.acquire(acquireOptions),
      open: (buffer, batch) => this.#openInPlace(buffer, batch),
    };
  }

  createBuffer(length: number): Uint8Array {
    return alignedBuffer(length);
  }

  sealedLength(plaintextLength: number): number {
    return this.#kernel.sealedLength(plaintextLength);
  }

  async hash(
    batch: readonly Uint8Array[],
    options: AbortOptions = {},
  ): Promise<readonly Uint8Array[]> {
    if (totalLength(batch) < INLINE_LENGTH) return this.#inline.hash(batch, options);
    const moved: ArrayBuffer[] = [];
    const described = this.#describe(batch, moved);
    const result = await this.#run({ kind: 'hash', batch: described }, moved, options);
    invariant(result.kind === 'hash', 'a hash task is answered with hashes');
    return splitHashes(result.hashes, batch.length);
  }

  async seal(
    batch: readonly UnsealedContent[],
    target: Uint8Array,
    options: AbortOptions = {},
  ): Promise<readonly SealedContent[]> {
    const length = totalLength(batch.map(({ data }) => data));
    if (length < INLINE_LENGTH) return this.#inline.seal(batch, target, options);
    const shared = target.buffer instanceof SharedArrayBuffer;
    const moved: ArrayBuffer[] = [];
    const result = await this.#run(
      {
        kind: 'seal',
        batch: this.#describe(
          batch.map(({ data }) => data),
          moved,
        ),
        hashes: concatBytes(batch.map(({ hash }) => hash)),
        compressors: commonCompressor(batch),
        target: shared ? target : undefined,
        targetLength: target.length,
      },
      moved,
      options,
    );
    invariant(result.kind === 'seal', 'a seal task is answered with sealed contents');
    if (result.bytes !== undefined) this.slots.copy(result.bytes, target);
    return batch.map((_, index) => ({
      length: result.lengths[index]!,
      compressionHeaderID: result.headerIDs[index]!,
    }));
  }

  async loadFiles(
    files: readonly FileToLoad[],
    slot: Slot,
    options: AbortOptions = {},
  ): Promise<readonly LoadedFile[]> {
    const start = slot.bytes.byteOffset;
    invariant(slot.bytes.buffer === this.#memory.buffer, 'a slot lies in the shared memory');
    const spans = new Float64Array(2 * files.length);
    for (const [index, { offset, capacity }] of files.entries()) {
      invariant(offset + capacity <= slot.bytes.length, 'a file is loaded within its slot');
      spans[2 * index] = start + offset;
      spans[2 * index + 1] = capacity;
    }
    const paths = files.map(({ path }) => path);
    const result = await this.#run({ kind: 'load', paths, spans }, [], options);
    invariant(result.kind === 'load', 'a load task is answered with files');
    return loadedFiles(result);
  }

  async call({ module, input, moved }: ThreadTask, options: AbortOptions = {}): Promise<unknown> {
    const result = await this.#run({ kind: 'call', module, input }, moved, options);
    invariant(result.kind === 'call', 'a call is answered with its output');
    return result.output;
  }

  async open(
    batch: readonly StoredContent[],
    options: AbortOptions = {},
  ): Promise<readonly OpenedContent[]> {
    const length = batch.reduce((sum, { info }) => sum + info.originalLength, 0);
    const inlineLength = this.#workers.size === 0 ? COLD_INLINE_LENGTH : INLINE_LENGTH;
    if (length < inlineLength) return this.#inline.open(batch, options);
    const moved: ArrayBuffer[] = [];
    const described = this.#describe(
      batch.map(({ bytes }) => bytes),
      moved,
    );
    const infos = packInfos(batch.map(({ info }) => info));
    const result = await this.#run({ kind: 'open', batch: described, infos }, moved, options);
    invariant(result.kind === 'open', 'an open task is answered with opened contents');
    return result.opened;
  }

  async #openInPlace(
    buffer: Slot,
    batch: readonly DestinedContent[],
  ): Promise<readonly (OpenOutcome | WrittenContent)[]> {
    const task = inPlaceTask(buffer, batch, this.#memory.buffer);
    const result = await this.#run(task, [], {});
    invariant(result.kind === 'open-in-place', 'contents opened in place are answered as such');
    return inPlaceOutcomes(result, batch, this.#memory.buffer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const error = new LongshoreError('ABORTED', 'the repository was closed');
    for (const task of this.#waiting.splice(0)) task.reject(error);
    await Promise.all([
      ...[...this.#workers].map((worker) => worker.terminate(error)),
      ...this.#spare.map((thread) => thread.terminate()),
    ]);
  }

  /** A task that a worker has begun is waited for, whatever the signal says: it may be writing to its target. */
  #run(
    task: ContentWorkerTask,
    moved: readonly ArrayBuffer[],
    { signal }: AbortOptions,
  ): Promise<ContentWorkerResult> {
    signal?.throwIfAborted();
    if (this.#disposed) throw new LongshoreError('ABORTED', 'the repository was closed');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, moved, resolve, reject });
      this.#dispatch();
    });
  }

  /** Gives waiting tasks to the workers that have least to do. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      this.#startWorkers();
      if (this.#workers.size === 0) return;
      const worker = [...this.#workers].reduce((a, b) => (b.load < a.load ? b : a));
      if (worker.load >= TASKS_PER_WORKER) return;
      worker.start(this.#nextTask());
    }
  }

  /** Workers start with the first task, and anew in the place of one that crashed. One that cannot start is tried again. */
  #startWorkers(): void {
    for (let setup = this.#unused.pop(); setup !== undefined; setup = this.#unused.pop()) {
      try {
        this.#startWorker(setup);
      } catch (cause) {
        this.#unused.push(setup);
        if (this.#workers.size > 0) return;
        const error = workerEnded(`no content worker starts: ${describeError(cause)}`, cause);
        for (const task of this.#waiting.splice(0)) task.reject(error);
        return;
      }
    }
  }

  /** Two single contents that wait to be hashed go together: kernels hash a pair faster than one by one. */
  #nextTask(): Task {
    const task = this.#waiting.shift()!;
    if (!isSingleHash(task)) return task;
    const partner = this.#waiting.findIndex(isSingleHash);
    return partner < 0 ? task : pairedTask(task, this.#waiting.splice(partner, 1)[0]!);
  }

  /** One that has ended meanwhile would never answer. */
  #takeThread(): Worker {
    const spare = this.#spare.pop();
    if (spare === undefined) return startContentThread();
    return spare.threadId < 0 ? this.#takeThread() : spare;
  }

  #startWorker(setup: ContentWorkerSetup): void {
    const worker = new PreparingWorker(this.#takeThread(), setup, {
      onFree: () => {
        this.#dispatch();
      },
      onCrash: () => {
        this.#workers.delete(worker);
        this.#unused.push(setup);
        if (!this.#disposed) this.#dispatch();
      },
    });
    this.#workers.add(worker);
  }

  /** Shared memory is named; other bytes are copied once and the copy moves to the worker. */
  #describe(batch: readonly Uint8Array[], moved: ArrayBuffer[]): WorkerBatch {
    const spans = new Float64Array(2 * batch.length);
    const loose: Uint8Array[] = [];
    for (const [index, data] of batch.entries()) {
      const isNamed = data.buffer === this.#memory.buffer;
      spans[2 * index] = isNamed ? data.byteOffset : LOOSE_OFFSET;
      spans[2 * index + 1] = data.length;
      if (isNamed) continue;
      if (data.buffer instanceof SharedArrayBuffer) {
        loose.push(data);
      } else {
        // Not `slice`, which a Buffer answers with a view: its memory would be taken from its owner.
        const copy = new Uint8Array(data);
        moved.push(copy.buffer);
        loose.push(copy);
      }
    }
    return { spans, loose };
  }
}

const YOUNG_GENERATION_MB = 8;

/** A thread that waits for its setup. It does not hold the process open. */
export function startContentThread(): Worker {
  const fromSource = import.meta.url.endsWith('.ts');
  const url = new URL(`./content-worker.${fromSource ? 'ts' : 'js'}`, import.meta.url);
  const thread = new Worker(url, {
    name: 'longshore-content',
    execArgv: fromSource ? ['--conditions=longshore-source'] : [],
    // What a batch leaves behind dies young; more room for it would only stay.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  // Work in flight holds the process open by itself; an idle worker must not.
  thread.unref();
  return thread;
}

interface PreparingWorkerEvents {
  /** It has room for a task. */
  readonly onFree: () => void;
  /** It ended by itself, and its tasks have failed. */
  readonly onCrash: () => void;
}

class PreparingWorker {
  readonly #worker: Worker;
  readonly #running: Map<number, Task> = new Map();
  readonly #events: PreparingWorkerEvents;
  #nextID = 0;
  #ended = false;

  constructor(thread: Worker, setup: ContentWorkerSetup, events: PreparingWorkerEvents) {
    this.#worker = thread;
    this.#events = events;
    this.#worker.on('message', (reply: ContentWorkerReply) => {
      this.#settle(reply);
    });
    this.#worker.on('error', (cause) => {
      this.#end(workerEnded(`a content worker failed: ${describeError(cause)}`, cause));
    });
    // An answer that cannot be read belongs to nobody: the thread ends, and with it its tasks.
    this.#worker.on('messageerror', () => {
      void this.#worker.terminate();
    });
    this.#worker.on('exit', (code) => {
      this.#end(workerEnded(`a content worker ended with code ${code}`));
    });
    this.#worker.postMessage(setup, []);
  }

  get load(): number {
    return this.#running.size;
  }

  start(task: Task): void {
    const id = this.#nextID++;
    this.#running.set(id, task);
    this.#worker.ref();
    try {
      this.#worker.postMessage({ id, task: task.task }, task.moved);
    } catch (error) {
      this.#take(id)?.reject(error);
    }
  }

  /** Its tasks fail when the thread has stopped: until then it may be writing to their targets. */
  async terminate(reason: unknown): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
    this.#rejectAll(reason);
  }

  #settle(reply: ContentWorkerReply): void {
    const task = this.#take(reply.id);
    if ('error' in reply) task?.reject(unpackError(reply.error));
    else task?.resolve(reply.result);
    this.#events.onFree();
  }

  #take(id: number): Task | undefined {
    const task = this.#running.get(id);
    this.#running.delete(id);
    if (this.#running.size === 0) this.#worker.unref();
    return task;
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#rejectAll(error);
    this.#events.onCrash();
  }

  #rejectAll(error: unknown): void {
    const tasks = [...this.#running.values()];
    this.#running.clear();
    for (const task of tasks) task.reject(error);
  }
}

/** What was asked of the worker was not done, and nobody else's bytes are wrong for it. */
function workerEnded(message: string, cause?: unknown): LongshoreError {
  return new LongshoreError('WORKER_FAILED', message, { cause });
}

function totalLength(batch: readonly Uint8Array[]): number {
  return batch.reduce((sum, { length }) => sum + length, 0);
}

function isSingleHash({ task }: Task): boolean {
  return task.kind === 'hash' && task.batch.spans.length === 2;
}

function pairedTask(first: Task, second: Task): Task {
  invariant(first.task.kind === 'hash' && second.task.kind === 'hash', 'only hashing is paired');
  const [a, b] = [first.task.batch, second.task.batch];
  return {
    task: {
      kind: 'hash',
      batch: {
        spans: Float64Array.of(...a.spans, ...b.spans),
        loose: [...a.loose, ...b.loose],
      },
    },
    moved: [...first.moved, ...second.moved],
    resolve: (result) => {
      invariant(result.kind === 'hash', 'a hash task is answered with hashes');
      const [hashOfFirst, hashOfSecond] = splitHashes(result.hashes, 2);
      first.resolve({ kind: 'hash', hashes: hashOfFirst! });
      second.resolve({ kind: 'hash', hashes: hashOfSecond! });
    },
    reject: (error) => {
      first.reject(error);
      second.reject(error);
    },
  };
}

function splitHashes(hashes: Uint8Array, count: number): readonly Uint8Array[] {
  const length = count === 0 ? 0 : hashes.length / count;
  return Array.from({ length: count }, (_, index) =>
    hashes.subarray(index * length, (index + 1) * length),
  );
}

function commonCompressor(
  batch: readonly UnsealedContent[],
): CompressorName | undefined | readonly (CompressorName | undefined)[] {
  const first = batch[0]?.compressor;
  return batch.every(({ compressor }) => compressor === first)
    ? first
    : batch.map(({ compressor }) => compressor);
}

function loadedFiles(
  result: ContentWorkerResult & { readonly kind: 'load' },
): readonly LoadedFile[] {
  const readCount = result.lengths.reduce((count, length) => count + Number(length >= 0), 0);
  const hashes = splitHashes(result.hashes, readCount).values();
  const errors = result.errors.values();
  return Array.from(result.lengths, (length): LoadedFile => {
    if (length === FILE_GREW) return { grew: true };
    if (length === FILE_FAILED) return { error: unpackError(errors.next().value!) };
    return { length, hash: hashes.next().value! };
  });
}

/** Pieces in which bytes go through ordinary memory; they stay in the processor's cache. */
const BOUNCE_LENGTH = 64 * 1024;

/**
 * Copies at the speed of memory. Node copies between shared and ordinary memory fast, but between two shared
 * places of different alignment byte by byte; those go by way of ordinary memory.
 */
export function createCopy(): SlotPool['copy'] {
  const bounce = Buffer.allocUnsafeSlow(BOUNCE_LENGTH);
  return (source, target) => {
    if (source.length > target.length) throw new RangeError('a copy does not fit into its target');
    const bothShared = !(
      source.buffer instanceof ArrayBuffer || target.buffer instanceof ArrayBuffer
    );
    const isAligned = (source.byteOffset - target.byteOffset) % 8 === 0;
    const from = bufferOf(source);
    const to = bufferOf(target);
    if (!bothShared || isAligned) {
      from.copy(to);
      return;
    }
    for (let offset = 0; offset < from.length; offset += BOUNCE_LENGTH) {
      const length = Math.min(BOUNCE_LENGTH, from.length - offset);
      from.copy(bounce, 0, offset, offset + length);
      bounce.copy(to, offset, 0, length);
    }
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
