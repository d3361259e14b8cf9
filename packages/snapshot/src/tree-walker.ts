import type { AbortOptions, Repository } from '@longshore/repo';
import type { DirEntry, DirManifest } from './dir-manifest.ts';
import { readEntryDirectory } from './repository-entry.ts';

/** An entry of a snapshot and where it stands. */
export interface WalkedEntry {
  /** Relative to the root of the walk, with `/`; empty for the root itself. */
  readonly path: string;
  readonly entry: DirEntry;
}

export interface WalkOptions extends AbortOptions {
  /** Sibling directories that are loaded ahead at each level of depth; default 4. 1 loads nothing ahead. */
  readonly readAhead?: number;
  /** False: do not descend into this directory. It is asked before the directory is loaded. */
  readonly enters?: (directory: WalkedEntry) => boolean;
}

const DEFAULT_READ_AHEAD = 4;

/**
 * Every entry below and including `root`, each directory before its entries, depth first in stored order. Holds
 * at most `readAhead` directories per level. Fails at the first directory that cannot be loaded.
 */
export async function* walkSnapshot(
  repository: Repository,
  root: DirEntry,
  options: WalkOptions = {},
): AsyncGenerator<WalkedEntry, void, void> {
  const start: WalkedEntry = { path: '', entry: root };
  yield start;
  if (root.type !== 'd' || options.enters?.(start) === false) return;
  yield* walkDirectory(
    repository,
    '',
    await readEntryDirectory(repository, root, options),
    options,
  );
}

async function* walkDirectory(
  repository: Repository,
  path: string,
  { entries }: DirManifest,
  options: WalkOptions,
): AsyncGenerator<WalkedEntry, void, void> {
  const prefix = path === '' ? '' : `${path}/`;
  const walked = entries.map((entry): WalkedEntry => ({ path: prefix + entry.name, entry }));
  const entered = walked.filter(
    (child) => child.entry.type === 'd' && options.enters?.(child) !== false,
  );
  const loads = new ReadAhead(entered, options.readAhead ?? DEFAULT_READ_AHEAD, ({ entry }) =>
    readEntryDirectory(repository, entry, options),
  );
  for (const child of walked) {
    options.signal?.throwIfAborted();
    yield child;
    const manifest = await loads.take(child);
    if (manifest !== undefined) yield* walkDirectory(repository, child.path, manifest, options);
  }
}

/** Starts work on a few items before they are asked for, in the order in which they will be. */
class ReadAhead<Item, Result> {
  readonly #items: readonly Item[];
  readonly #limit: number;
  readonly #start: (item: Item) => Promise<Result>;
  readonly #started = new Map<Item, Promise<Result>>();
  #next = 0;

  constructor(items: readonly Item[], limit: number, start: (item: Item) => Promise<Result>) {
    this.#items = items;
    this.#limit = Math.max(1, limit);
    this.#start = start;
  }

  /** Undefined if `item` is none of the items. */
  async take(item: Item): Promise<Result | undefined> {
    if (!this.#started.has(item) && this.#items[this.#next] !== item) return undefined;
    while (this.#started.size < this.#limit && this.#next < this.#items.length) {
      const ahead = this.#items[this.#next++]!;
      const work = this.#start(ahead);
      // A failure belongs to whoever takes the item; until then, or if nobody does, it is not unhandled.
      work.catch(() => undefined);
      this.#started.set(ahead, work);
    }
    const work = this.#started.get(item);
    this.#started.delete(item);
    return work;
  }
}
