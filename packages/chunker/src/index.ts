export {
  loadSplitterKernels,
  PLAIN_KERNELS,
  SPLITTER_SCRATCH_SIZE,
  type SplitterKernelOptions,
  type SplitterKernels,
} from './kernels.ts';
export type { HashSearch } from './hash-search.ts';
export { findSplitPoints } from './split-points.ts';
export { split } from './split-stream.ts';
export {
  createSplitter,
  DEFAULT_SPLITTER,
  isSplitterName,
  type Splitter,
  type SplitterName,
  type SplitterOptions,
  SPLITTER_NAMES,
} from './splitter.ts';
