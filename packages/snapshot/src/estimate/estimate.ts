import { abortOptions, hasCode, type AbortOptions } from '@longshore/repo';
import type { DirectoryEntry, Entry } from '../entry.ts';
import { IgnoreContext } from '../policy/ignore-context.ts';
import type { PolicyNode } from '../policy/policy-tree.ts';
import { directoryRules } from '../upload/directory-rules.ts';
import { SizeBuckets, type SizeBucket } from './size-buckets.ts';

export type EstimateEvent =
  | { readonly type: 'directory'; readonly path: string }
  /** `ignored`: the policy lets the snapshot count as good all the same. */
  | {
      readonly type: 'error';
      readonly path: string;
      readonly error: Error;
      readonly ignored: boolean;
    };

export interface EstimateOptions extends AbortOptions {
  /** Examples of each range of sizes, and of excluded directories. Default 10, as Kopia's. */
  readonly maxExamples?: number;
  readonly onEvent?: (event: EstimateEvent) => void;
}

/** What a snapshot would hold. Sizes in bytes. */
export interface Estimate {
  readonly files: number;
  readonly totalSize: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly included: readonly SizeBucket[];
  /** By rules. */
  readonly excludedFiles: number;
  readonly excludedSize: number;
  readonly excludedDirectories: number;
  readonly excluded: readonly SizeBucket[];
  readonly excludedDirectoryExamples: readonly string[];
  /** Entries that are too large or on another file system, which Kopia does not count. */
  readonly beyondLimits: number;
  readonly errors: number;
  readonly ignoredErrors: number;
}

/**
 * Walks a tree as an upload would, with all rules of the policy, and reads no file but ignore files. What cannot be
 * listed is counted as an error, and the walk goes on.
 */
export async function estimateSnapshot(
  root: DirectoryEntry,
  policy: PolicyNode,
  options: EstimateOptions = {},
): Promise<Estimate> {
  const run = new EstimateRun(options);
  await run.visitDirectory(root, '', policy, IgnoreContext.EMPTY);
  return run.result();
}

const DEFAULT_MAX_EXAMPLES = 10;

class EstimateRun {
  readonly #options: EstimateOptions;
  readonly #maxExamples: number;
  readonly #included: SizeBuckets;
  readonly #excluded: SizeBuckets;
  readonly #excludedDirectoryExamples: string[] = [];
  readonly #counts = {
    files: 0,
    totalSize: 0,
    directories: 0,
    symlinks: 0,
    excludedFiles: 0,
    excludedSize: 0,
    excludedDirectories: 0,
    beyondLimits: 0,
    errors: 0,
    ignoredErrors: 0,
  };

  constructor(options: EstimateOptions) {
    this.#options = options;
    this.#maxExamples = options.maxExamples ?? DEFAULT_MAX_EXAMPLES;
    this.#included = new SizeBuckets(this.#maxExamples);
    this.#excluded = new SizeBuckets(this.#maxExamples);
  }

  result(): Estimate {
    return {
      ...this.#counts,
      included: this.#included.buckets,
      excluded: this.#excluded.buckets,
      excludedDirectoryExamples: this.#excludedDirectoryExamples,
    };
  }

  async visitDirectory(
    directory: DirectoryEntry,
    path: string,
    node: PolicyNode,
    parent: IgnoreContext,
  ): Promise<void> {
    const { signal, onEvent } = this.#options;
    signal?.throwIfAborted();
    onEvent?.({ type: 'directory', path });
    this.#counts.directories += 1;
    let children: readonly Entry[];
    let context: IgnoreContext;
    try {
      children = await directory.readChildren(abortOptions({ signal }));
      const rules = directoryRules(parent, path, node, children);
      if (rules.isCacheDirectory) {
        this.#excludeDirectory(path);
        return;
      }
      ({ context } = rules);
    } catch (error) {
      if (!hasCode(error, 'SOURCE_UNREADABLE')) throw error;
      this.#fail(path, error as Error, node.policy.errorHandling.ignoreDirectoryErrors === true);
      return;
    }
    for (const child of children) {
      const childPath = path === '' ? child.name : `${path}/${child.name}`;
      const exclusion = context.exclusion(child, childPath, directory.device);
      if (exclusion === 'rule') this.#exclude(child, childPath);
      else if (exclusion !== undefined) this.#counts.beyondLimits += 1;
      else await this.#visit(child, childPath, node.child(child.name), context);
    }
  }

  async #visit(
    entry: Entry,
    path: string,
    node: PolicyNode,
    context: IgnoreContext,
  ): Promise<void> {
    const { errorHandling } = node.policy;
    switch (entry.type) {
      case 'd':
        await this.visitDirectory(entry, path, node, context);
        return;
      case 'f':
        this.#counts.files += 1;
        this.#counts.totalSize += entry.size;
        this.#included.add(path, entry.size);
        return;
      case 's':
        this.#counts.symlinks += 1;
        return;
      case 'e': {
        const { ignoreDirectoryErrors, ignoreFileErrors } = errorHandling;
        const ignored = entry.expectedType === 'd' ? ignoreDirectoryErrors : ignoreFileErrors;
        this.#fail(path, entry.error, ignored === true);
        return;
      }
      case 'unknown':
        if (errorHandling.ignoreUnknownTypes ?? true) return;
        this.#fail(path, new Error(`a ${entry.kind} cannot be stored`), false);
    }
  }

  #exclude(entry: Entry, path: string): void {
    if (entry.type === 'd') {
      this.#excludeDirectory(path);
      return;
    }
    this.#counts.excludedFiles += 1;
    this.#counts.excludedSize += entry.size;
    this.#excluded.add(path, entry.size);
  }

  #excludeDirectory(path: string): void {
    this.#counts.excludedDirectories += 1;
    if (this.#excludedDirectoryExamples.length < this.#maxExamples) {
      this.#excludedDirectoryExamples.push(path === '' ? '.' : path);
    }
  }

  #fail(path: string, error: Error, ignored: boolean): void {
    if (ignored) this.#counts.ignoredErrors += 1;
    else this.#counts.errors += 1;
    this.#options.onEvent?.({ type: 'error', path, error, ignored });
  }
}
