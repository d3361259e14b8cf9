import type { Splitter, SplitterName } from '@longshore/chunker';
import type { Algorithms } from '../algorithms.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import type { MemoryPlan } from '../memory-plan.ts';
import type { ContentKernel } from './content-kernel.ts';
import type { ContentPreparer } from './content-preparer.ts';

/** What an engine is made for: one repository. */
export interface EngineRequest {
  readonly format: RepositoryFormat;
  readonly algorithms: Algorithms;
  /** Computes on the calling thread. */
  readonly kernel: ContentKernel;
  /** False: nothing will be split. */
  readonly writes: boolean;
  /** Bytes that each slot must hold: the largest segment of the repository's splitter, and room to read into. */
  readonly minimumSlotSize: number;
}

/** The computing side of a repository: a preparer, and splitters that scan its slots in place. */
export interface ContentEngine extends AsyncDisposable {
  readonly preparer: ContentPreparer;
  /** How the memory that the engine was given is divided; undefined: it was given none to divide. */
  readonly plan?: MemoryPlan;
  createSplitter(name: SplitterName): Splitter;
}

export type ContentEngineFactory = (request: EngineRequest) => Promise<ContentEngine>;
