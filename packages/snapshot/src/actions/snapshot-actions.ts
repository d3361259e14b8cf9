import type { AbortOptions } from '@longshore/repo';
import type { DirectoryEntry } from '../entry.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';

/** Where an upload is when it asks for the programs of a policy. */
export interface ActionPlace {
  /** The snapshot as a whole, or one directory of it. */
  readonly scope: 'snapshot-root' | 'folder';
  readonly directory: DirectoryEntry;
  /** Relative to the snapshot root with `/`; the root is the empty string. */
  readonly path: string;
  readonly policyNode: PolicyNode;
}

/** Programs that policies run around a directory or a whole snapshot. */
export interface SnapshotActions {
  /**
   * Runs `work` between the program before and the program after, with the directory to read: that of `place`, or
   * the one that the first program named. ACTION_FAILED if `work` must not run. An abort ends the first program;
   * the second one runs whatever became of `work`, because it undoes what the first one did.
   */
  around<T>(
    place: ActionPlace,
    work: (directory: DirectoryEntry) => Promise<T>,
    options: AbortOptions,
  ): Promise<T>;
}

export const NO_ACTIONS: SnapshotActions = {
  around: ({ directory }, work) => work(directory),
};
