import { createSplitter, loadSplitterKernels, PLAIN_KERNELS } from '@longshore/chunker';
import type { ContentEngineFactory } from './content-engine.ts';
import { createInThreadPreparer, createSlotPool } from './in-thread-preparer.ts';

/** Slots of the portable engine: a few writers at once, each with one chunk being cut and one being stored. */
const SLOT_COUNT = 8;

/** The portable engine: everything on the calling thread. */
export const inThreadEngine: ContentEngineFactory = async ({ kernel, minimumSlotSize, writes }) => {
  const kernels = writes ? await loadSplitterKernels() : PLAIN_KERNELS;
  const preparer = createInThreadPreparer(
    kernel,
    createSlotPool({ slotSize: minimumSlotSize, count: SLOT_COUNT }),
  );
  return {
    preparer,
    createSplitter: (name) => createSplitter(name, { kernels }),
    [Symbol.asyncDispose]: () => preparer[Symbol.asyncDispose](),
  };
};
