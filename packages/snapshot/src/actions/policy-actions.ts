import {
  describeError,
  encodeHex,
  LongshoreError,
  type AbortOptions,
  type RandomSource,
} from '@longshore/repo';
import type { DirectoryEntry } from '../entry.ts';
import type { ActionCommand } from '../policy/policy.ts';
import type {
  ActionInvocation,
  ActionName,
  ActionRunner,
  ActionWorkspace,
} from './action-runner.ts';
import { LineSplitter } from './line-splitter.ts';
import type { ActionPlace, SnapshotActions } from './snapshot-actions.ts';

/** Kopia's limit for a program whose policy names none. */
const DEFAULT_TIMEOUT_MS = 3 * 60 * 1000;
/** What timers can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** Bytes of a line of a program that are looked at or passed on. */
const MAX_LINE_LENGTH = 64 * 1024;
const SNAPSHOT_ID_LENGTH = 8;
const REDIRECTION = 'KOPIA_SNAPSHOT_PATH=';

/** What running programs tells the caller, synchronously. `folder` is the source path of the folder concerned. */
export type ActionEvent = {
  readonly action: ActionName;
  readonly folder: string;
} & (
  | { readonly type: 'action-started' }
  /** The policy names a program, and this client may run none. */
  | { readonly type: 'action-skipped' }
  /** The folder is read there instead. */
  | { readonly type: 'action-redirected'; readonly path: string }
  /** A line that the program wrote to standard error. */
  | { readonly type: 'action-output'; readonly line: string }
  /** Without consequence for the snapshot. */
  | { readonly type: 'action-failed'; readonly error: string }
);

export interface PolicyActionsOptions {
  /** Undefined: programs are not allowed, and each is reported as skipped. */
  readonly runner: ActionRunner | undefined;
  /** Path of the snapshot root on this machine. */
  readonly sourcePath: string;
  /** Makes the IDs by which a program after recognises the program before. */
  readonly random: RandomSource;
  /** What programs find in `KOPIA_VERSION`. */
  readonly version: string;
  readonly onEvent?: (event: ActionEvent) => void;
}

/**
 * Runs the programs of policies as Kopia does: the root's wherever its policy has them from, a folder's only if a
 * policy is defined for just that folder. Source: docs/format/policy.md.
 */
export function createPolicyActions(options: PolicyActionsOptions): SnapshotActions {
  return {
    around: async (place, work, abort) => {
      const { before, after } = actionsOf(place);
      if (before === undefined && after === undefined) return await work(place.directory);
      if (options.runner === undefined) {
        const folder = folderOf(options.sourcePath, place.path);
        for (const { name } of [before, after].filter((action) => action !== undefined)) {
          options.onEvent?.({ type: 'action-skipped', action: name, folder });
        }
        return await work(place.directory);
      }
      await using workspace = await options.runner.openWorkspace();
      const run = new ActionRun(options, options.runner, workspace, place);
      if (before !== undefined) await run.before(before, abort);
      try {
        return await work(run.directory());
      } finally {
        if (after !== undefined) await run.after(after);
      }
    },
  };
}

interface NamedAction {
  readonly name: ActionName;
  readonly command: ActionCommand;
}

function actionsOf({ scope, policyNode }: ActionPlace): {
  readonly before: NamedAction | undefined;
  readonly after: NamedAction | undefined;
} {
  if (scope === 'folder') {
    const { beforeFolder, afterFolder } = policyNode.definedPolicy?.actions ?? {};
    return {
      before: named('before-folder', beforeFolder),
      after: named('after-folder', afterFolder),
    };
  }
  const { beforeSnapshotRoot, afterSnapshotRoot } = policyNode.policy.actions;
  return {
    before: named('before-snapshot-root', beforeSnapshotRoot),
    after: named('after-snapshot-root', afterSnapshotRoot),
  };
}

function named(name: ActionName, command: ActionCommand | undefined): NamedAction | undefined {
  return command === undefined ? undefined : { name, command };
}

/** In a redirected tree, too, a program hears the path that the user knows. */
function folderOf(sourcePath: string, path: string): string {
  if (path === '') return sourcePath;
  return sourcePath.endsWith('/') ? `${sourcePath}${path}` : `${sourcePath}/${path}`;
}

/** The programs before and after one place: they share an ID, a working directory and the redirection. */
class ActionRun {
  readonly #options: PolicyActionsOptions;
  readonly #runner: ActionRunner;
  readonly #workspace: ActionWorkspace;
  readonly #directory: DirectoryEntry;
  readonly #folder: string;
  readonly #id: string;
  #snapshotPath: string;
  #redirectedBy: NamedAction | undefined;

  constructor(
    options: PolicyActionsOptions,
    runner: ActionRunner,
    workspace: ActionWorkspace,
    place: ActionPlace,
  ) {
    const id = new Uint8Array(SNAPSHOT_ID_LENGTH);
    options.random(id);
    this.#options = options;
    this.#runner = runner;
    this.#workspace = workspace;
    this.#directory = place.directory;
    this.#folder = folderOf(options.sourcePath, place.path);
    this.#id = encodeHex(id);
    this.#snapshotPath = this.#folder;
  }

  async before(action: NamedAction, options: AbortOptions): Promise<void> {
    let redirection = '';
    let isTooLong = false;
    await this.#run(action, options, (line, isCut) => {
      if (!line.startsWith(REDIRECTION)) return;
      isTooLong = isCut;
      redirection = line.slice(REDIRECTION.length);
    });
    if (isTooLong) throw this.#failed(action, 'it names a path that is too long');
    if (redirection === '') return;
    this.#snapshotPath = redirection;
    this.#redirectedBy = action;
  }

  /** The directory to read. A folder keeps its own name: two may be redirected to directories that are called the same. */
  directory(): DirectoryEntry {
    const action = this.#redirectedBy;
    if (action === undefined) return this.#directory;
    const path = this.#snapshotPath;
    let opened: DirectoryEntry;
    try {
      opened = this.#runner.openDirectory(path);
    } catch (cause) {
      throw this.#failed(action, `it names ${path}: ${describeError(cause)}`, cause);
    }
    this.#report(action, { type: 'action-redirected', path });
    const { mode, size, mtime, uid, gid, device, inode } = opened;
    const { name, rawName } = this.#directory;
    return {
      type: 'd',
      name,
      rawName,
      mode,
      size,
      mtime,
      uid,
      gid,
      device,
      inode,
      readChildren: (options) => opened.readChildren(options),
    };
  }

  /** Never throws: the folder is stored, and nobody could make up for what the program left undone. */
  async after(action: NamedAction): Promise<void> {
    try {
      await this.#run(action, {}, () => undefined);
    } catch (error) {
      this.#report(action, { type: 'action-failed', error: describeError(error) });
    }
  }

  async #run(
    action: NamedAction,
    options: AbortOptions,
    onLine: (line: string, isCut: boolean) => void,
  ): Promise<void> {
    const { name, command } = action;
    options.signal?.throwIfAborted();
    if (!command.script && !command.path) {
      throw this.#failed(action, 'the policy names neither a program nor a script');
    }
    const output = new LineSplitter(MAX_LINE_LENGTH, onLine);
    const errorOutput = new LineSplitter(MAX_LINE_LENGTH, (line) => {
      this.#report(action, { type: 'action-output', line });
    });
    const invocation: ActionInvocation = {
      name,
      command,
      environment: this.#environment(name),
      timeoutMs: timeoutOf(command),
      onOutput: (bytes) => output.add(bytes),
      onErrorOutput: (bytes) => errorOutput.add(bytes),
    };
    this.#report(action, { type: 'action-started' });
    const isAwaited = command.mode !== 'async';
    const failure = isAwaited
      ? await this.#workspace.run(invocation, options)
      : await this.#workspace.start(invocation, (ended) => {
          errorOutput.end();
          if (ended !== undefined) this.#report(action, { type: 'action-failed', error: ended });
        });
    output.end();
    if (isAwaited) errorOutput.end();
    if (failure === undefined) return;
    // A program that cannot even be started in the background is a failure in Kopia, too.
    if (command.mode === 'essential' || !isAwaited) throw this.#failed(action, failure);
    this.#report(action, { type: 'action-failed', error: failure });
  }

  #environment(name: ActionName): Readonly<Record<string, string>> {
    return {
      KOPIA_ACTION: name,
      KOPIA_SNAPSHOT_ID: this.#id,
      KOPIA_SOURCE_PATH: this.#folder,
      KOPIA_SNAPSHOT_PATH: this.#snapshotPath,
      KOPIA_VERSION: this.#options.version,
    };
  }

  #report(
    { name: action }: NamedAction,
    event: DistributiveOmit<ActionEvent, 'action' | 'folder'>,
  ): void {
    this.#options.onEvent?.({ ...event, action, folder: this.#folder });
  }

  #failed({ name }: NamedAction, failure: string, cause?: unknown): LongshoreError {
    return new LongshoreError('ACTION_FAILED', `${name} action of ${this.#folder}: ${failure}`, {
      path: this.#folder,
      cause,
    });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function timeoutOf({ timeout = 0 }: ActionCommand): number {
  return timeout > 0 ? Math.min(timeout * 1000, MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS;
}
