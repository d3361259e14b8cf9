import { Budget, Pool } from '../parallel.ts';
import type { ContentKernel } from './content-kernel.ts';
import type {
  ContentPreparer,
  OpenedContent,
  SealedContent,
  Slot,
  SlotPool,
  StoredContent,
  UnsealedContent,
} from './content-preparer.ts';

/** Slots that may not be kept while waiting for input: one to be filled by others, one on its way into a pack. */
const CIRCULATING_SLOTS = 2;

export interface SlotPoolOptions {
  readonly slotSize: number;
  readonly count: number;
  /** Default: ordinary memory. */
  readonly create?: () => Uint8Array;
  /** Default: `target.set(source)`. */
  readonly copy?: SlotPool['copy'];
}

/** Slots that are made when first needed. */
export function createSlotPool(options: SlotPoolOptions): SlotPool {
  const { slotSize, count } = options;
  const pool = new Pool(count, options.create ?? (() => new Uint8Array(slotSize)));
  const holds = new Budget(Math.max(0, count - CIRCULATING_SLOTS));
  return {
    copy:
      options.copy ??
      ((source, target) => {
        target.set(source);
      }),
    tryHold: () => holds.tryAcquire(1),
    slotSize,
    async acquire(options): Promise<Slot> {
      const { item, release } = await pool.acquire(options);
      return { bytes: item, release };
    },
  };
}

/** Computes on the calling thread: the portable form, and the one for readers of small repositories. */
export function createInThreadPreparer(kernel: ContentKernel, slots: SlotPool): ContentPreparer {
  return {
    parallelism: 1,
    slots,
    createBuffer: (length) => new Uint8Array(length),
    sealedLength: (length) => kernel.sealedLength(length),
    async hash(batch, options): Promise<readonly Uint8Array[]> {
      options?.signal?.throwIfAborted();
      return kernel.hash(batch);
    },
    async seal(batch, target, options): Promise<readonly SealedContent[]> {
      options?.signal?.throwIfAborted();
      return sealBatch(kernel, batch, target);
    },
    async open(batch, options): Promise<readonly OpenedContent[]> {
      options?.signal?.throwIfAborted();
      return batch.map((stored: StoredContent) => kernel.open(stored));
    },
    async [Symbol.asyncDispose](): Promise<void> {},
  };
}

/** Seals back to back from the start of `target`. */
export function sealBatch(
  kernel: ContentKernel,
  batch: readonly UnsealedContent[],
  target: Uint8Array,
): SealedContent[] {
  let offset = 0;
  return batch.map((content) => {
    const sealed = kernel.sealInto(content, target.subarray(offset));
    offset += sealed.length;
    return sealed;
  });
}
