import { Pool } from '../parallel.ts';
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

/** Slots in ordinary memory, made when first needed. */
export function createSlotPool(
  slotSize: number,
  count: number,
  create: () => Uint8Array = () => new Uint8Array(slotSize),
): SlotPool {
  const pool = new Pool(count, create);
  return {
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
