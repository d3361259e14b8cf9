import type { AbortOptions } from '@longshore/repo';
import type { DirectoryEntry } from '../entry.ts';
import type { ActionCommand } from '../policy/policy.ts';

/** Kopia's names, which programs find in `KOPIA_ACTION`. */
export type ActionName =
  | 'before-snapshot-root'
  | 'after-snapshot-root'
  | 'before-folder'
  | 'after-folder';

export interface ActionInvocation {
  readonly name: ActionName;
  /** Has a path or a script. */
  readonly command: ActionCommand;
  /** Added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Standard output and standard error as they come; borrowed until the call returns. */
  readonly onOutput: (bytes: Uint8Array) => void;
  readonly onErrorOutput: (bytes: Uint8Array) => void;
}

/** How a program ended, in words: undefined for exit code 0. */
export type ActionFailure = string | undefined;

/** A private working directory that the program before and the program after share. */
export interface ActionWorkspace extends AsyncDisposable {
  /** Resolves when the program has ended. An abort ends it, with `signal.reason` unless it ends well all the same. */
  run(invocation: ActionInvocation, options: AbortOptions): Promise<ActionFailure>;
  /** Resolves when the program runs; `onEnd` hears how it ended. Its standard output is dropped. */
  start(
    invocation: ActionInvocation,
    onEnd: (failure: ActionFailure) => void,
  ): Promise<ActionFailure>;
}

/** The machine as far as actions need it. Disposing it waits for programs that were only started. */
export interface ActionRunner extends AsyncDisposable {
  /** ACTION_FAILED if there is no place for it. */
  openWorkspace(): Promise<ActionWorkspace>;
  /** The directory that a program named. SOURCE_UNREADABLE if there is none. */
  openDirectory(path: string): DirectoryEntry;
}
