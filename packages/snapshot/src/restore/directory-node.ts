import type { DirEntry } from '../dir-manifest.ts';
import { PLACEHOLDER_SUFFIX } from '../entry.ts';
import type { OutputDirectory } from './restore-output.ts';
import type { RestoreRun } from './restore-run.ts';

export interface DirectoryNodeOptions {
  /** Undefined: what the root is restored into. Its attributes are not touched. */
  readonly entry: DirEntry | undefined;
  readonly path: string;
  /** That of the entries in it. */
  readonly depth: number;
  readonly output: OutputDirectory;
  readonly parent: DirectoryNode | undefined;
  /** In the parent; the placeholder of this name gives way to the directory. */
  readonly replaces: string | undefined;
}

/** A directory of the target, finished when nothing below it is held any more. */
export class DirectoryNode {
  readonly path: string;
  readonly depth: number;
  readonly output: OutputDirectory;
  readonly #run: RestoreRun;
  readonly #options: DirectoryNodeOptions;
  #held = 1;

  /** Held once, by its maker. */
  constructor(run: RestoreRun, options: DirectoryNodeOptions) {
    this.path = options.path;
    this.depth = options.depth;
    this.output = options.output;
    this.#run = run;
    this.#options = options;
  }

  pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`;
  }

  hold(): void {
    this.#held += 1;
  }

  /** To be called once for each hold. The last one finishes this directory and releases the one above. */
  async release(): Promise<void> {
    if (!(await this.#releaseOne())) return;
    for (let above = this.#options.parent; above !== undefined; above = above.#options.parent) {
      if (!(await above.#releaseOne())) return;
    }
  }

  /** True: that was the last hold, and the directory is finished. */
  async #releaseOne(): Promise<boolean> {
    this.#held -= 1;
    if (this.#held > 0) return false;
    await this.#finish();
    return true;
  }

  /** A fully restored entry replaces the placeholder that stood for it. */
  async removePlaceholder(name: string): Promise<void> {
    await this.output.remove(name + PLACEHOLDER_SUFFIX);
  }

  async #finish(): Promise<void> {
    const { entry, parent, replaces } = this.#options;
    if (entry === undefined) return;
    this.#run.signal.throwIfAborted();
    try {
      await this.output.finish(entry);
      if (replaces !== undefined) await parent?.removePlaceholder(replaces);
    } catch (error) {
      this.#run.fail(this.path, entry, error);
      return;
    }
    this.#run.emit({ type: 'directory-restored', path: this.path });
  }
}
