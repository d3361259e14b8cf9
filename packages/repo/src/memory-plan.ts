import { LongshoreError } from './errors.ts';

/*
 * How the memory of a process is divided. ARCHITECTURE.md, "Memory", explains the parts; `bench memory-bound` holds the
 * formula against processes.
 */

/** The run time, the program and the heap of the calling thread; deriving the key takes 64 MiB of it for a moment. */
const BASE_BYTES = 115e6;

/** A thread with its kernels, its heap and the outputs of ciphers and compressors. */
const WORKER_BYTES = 35e6;

/** Without a limit: slots for what workers have and what waits for them, and for files being read. */
const FILES_BEING_READ = 3;

const DEFAULT_PARALLEL_UPLOADS = 2;

/** Stored bytes and plaintext that reading many contents may hold at once, without a limit. */
const DEFAULT_READ_BYTES: number = 64 * 1024 ** 2;

/** One content of the largest segment, stored and opened, must fit with some of its neighbours. */
const MIN_READ_SLOTS = 3;

/** Smallest buffer for stored bytes: one request of a read in bulk. */
const MIN_READ_BUFFER_LENGTH: number = 9 * 1024 ** 2;

/** What plans for very many contents hold, streams of directories included, and what is not collected of them yet. */
const READ_PLAN_BYTES = 20e6;

export interface MemoryDemand {
  /** Bytes of the process; undefined: as much as all processors can use. */
  readonly limit: number | undefined;
  /** Worker threads at most. */
  readonly workers: number;
  /** Bytes of a slot. */
  readonly slotSize: number;
  /** Bytes of a pack before it is full. */
  readonly packSize: number;
}

/** What the parts of an engine and of a repository may use. */
export interface MemoryPlan {
  readonly workers: number;
  readonly slots: number;
  /** Groups of contents that may be compressed at once. */
  readonly staging: number;
  readonly parallelUploads: number;
  /** Pack buffers of a writer. Fewer than four: nothing is written while a commit is under way. */
  readonly packBuffers: number;
  /** Buffers of stored bytes that are opened in place. */
  readonly readBuffers: number;
  /** Bytes of each. */
  readonly readBufferLength: number;
  /** Bytes that reading in bulk may hold. */
  readonly readBytes: number;
  /** The most that all of it takes, bytes: the formula of ARCHITECTURE.md for one writer. */
  readonly peakBytes: number;
}

/** Threads that no plan below the limit has more of, at least one. */
export function mostWorkers(limit: number | undefined, workers: number): number {
  if (limit === undefined) return workers;
  return Math.max(1, Math.min(workers, Math.floor((limit - BASE_BYTES) / WORKER_BYTES)));
}

type Shape = Omit<MemoryPlan, 'readBufferLength' | 'readBytes' | 'peakBytes'>;

/**
 * The fastest division that stays below the limit: fewer slots and buffers first, then fewer threads. The smallest there
 * is where not even that does: `peakBytes` says so.
 */
export function planMemory(demand: MemoryDemand): MemoryPlan {
  const { limit = Infinity, workers } = demand;
  if (!(limit > 0)) throw new LongshoreError('INVALID_ARGUMENT', `a memory limit of ${limit}`);
  let smallest: MemoryPlan | undefined;
  for (let count = workers; count >= 1; count--) {
    for (const shape of shapes(count)) {
      const plan = planOf(shape, demand);
      if (plan.peakBytes <= limit) return plan;
      smallest = plan;
    }
  }
  return smallest!;
}

/** From the fastest to the smallest. Four buffers: two kinds of the batch being filled, two of the one being committed. */
function* shapes(workers: number): Generator<Shape> {
  const full = {
    workers,
    slots: 2 * workers + FILES_BEING_READ,
    staging: workers + 1,
    readBuffers: workers + 6,
  };
  yield { ...full, parallelUploads: DEFAULT_PARALLEL_UPLOADS, packBuffers: 4 };
  const less = { ...full, slots: workers + 3, readBuffers: workers + 3 };
  yield { ...less, parallelUploads: 1, packBuffers: 3 };
  yield { ...less, slots: 3, staging: 1, parallelUploads: 1, packBuffers: 2 };
}

function planOf(shape: Shape, { limit, slotSize, packSize }: MemoryDemand): MemoryPlan {
  const fixed = BASE_BYTES + shape.workers * WORKER_BYTES;
  const writing =
    (shape.slots + shape.staging) * slotSize + shape.packBuffers * (packSize + slotSize);
  const readBufferLength = Math.max(MIN_READ_BUFFER_LENGTH, slotSize);
  const reading = shape.readBuffers * readBufferLength + READ_PLAN_BYTES;
  const left = limit === undefined ? Infinity : limit - fixed;
  const readBytes = Math.max(MIN_READ_SLOTS * slotSize, Math.min(DEFAULT_READ_BYTES, left));
  return {
    ...shape,
    readBufferLength,
    readBytes,
    peakBytes: fixed + Math.max(writing, reading),
  };
}
