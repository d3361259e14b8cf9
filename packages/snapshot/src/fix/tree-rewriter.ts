import {
  abortOptions,
  Budget,
  CorruptDataError,
  runBeside,
  type AbortOptions,
  type CompressorName,
  type RepositoryWriter,
} from '@longshore/repo';
import { atPath, isDamage } from '../damage.ts';
import { DirManifestBuilder } from '../dir-manifest-builder.ts';
import {
  encodeDirEntry,
  encodeDirManifest,
  type DirEntry,
  type DirManifest,
} from '../dir-manifest.ts';
import { readEntryDirectory } from '../repository-entry.ts';
import { RecentMap } from '../verify/recent-map.ts';
import { addOwnErrors } from './own-errors.ts';
import { writeStub } from './stub.ts';

/** What becomes of an entry that cannot be read. */
export type UnreadableHandling = 'stub' | 'fail' | 'keep' | 'remove';

/** Directories whose replacement is remembered: most snapshots of a source share most of theirs. */
const MAX_REMEMBERED = 100_000;

export interface TreeRewriterOptions extends AbortOptions {
  /** The entry to store instead, `entry` itself to keep it, or undefined to drop it. `path` begins at the root. */
  readonly rewriteEntry: (entry: DirEntry, path: string) => Promise<DirEntry | undefined>;
  readonly unreadableDirectories: UnreadableHandling;
  /** Fails with damage if a directory's stream is lost even though a cache may still give it. */
  readonly checkDirectory?: ((entry: DirEntry, options: AbortOptions) => Promise<void>) | undefined;
  /** A directory cannot be read. */
  readonly onUnreadable?: ((path: string, error: unknown) => void) | undefined;
  /** Entries worked on at once. */
  readonly parallel: number;
}

/**
 * Rewrites trees bottom-up. A directory in which nothing changes keeps its object, byte by byte; one in which something
 * does is stored anew with its old time and its old reason for being incomplete.
 */
export class TreeRewriter {
  /** For directories and stubs: that of the snapshot's source. */
  metadataCompressor: CompressorName | undefined;
  readonly #writer: RepositoryWriter;
  readonly #options: TreeRewriterOptions;
  readonly #places: Budget;
  readonly #done: RecentMap<string, DirEntry | undefined> = new RecentMap(MAX_REMEMBERED);

  constructor(writer: RepositoryWriter, options: TreeRewriterOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#places = new Budget(Math.max(0, options.parallel - 1));
  }

  /**
   * The new root entry, the same one if nothing below it changes. What cannot be read is treated as a directory that
   * cannot be read: a snapshot always keeps a root.
   */
  async rewriteRoot(root: DirEntry): Promise<DirEntry> {
    const { unreadableDirectories } = this.#options;
    const replacement =
      (await this.#rewrite(root, '')) ??
      (await this.replaceUnreadable(
        root,
        '',
        new CorruptDataError('nothing is left of the root'),
        unreadableDirectories === 'remove' ? 'stub' : unreadableDirectories,
      )) ??
      root;
    return replacement.type === 'f' && replacement.summary === undefined
      ? withFileSummary(replacement)
      : replacement;
  }

  /** What stands instead of an entry that is lost to `error`; throws it where that is the handling. */
  async replaceUnreadable(
    entry: DirEntry,
    path: string,
    error: unknown,
    handling: UnreadableHandling,
  ): Promise<DirEntry | undefined> {
    if (handling === 'fail') throw atPath(path, entry.objectID, error);
    if (handling === 'keep') return entry;
    if (handling === 'remove') return undefined;
    return writeStub(this.#writer, entry, error, {
      metadataCompressor: this.metadataCompressor,
      ...this.#abort,
    });
  }

  async #rewrite(entry: DirEntry, path: string): Promise<DirEntry | undefined> {
    this.#options.signal?.throwIfAborted();
    const key = entry.type === 'd' ? encodeDirEntry(entry) : undefined;
    if (key !== undefined && this.#done.has(key)) return this.#done.get(key);
    const kept = await this.#options.rewriteEntry(entry, path);
    const result = kept?.type === 'd' ? await this.#rewriteDirectory(kept, path) : kept;
    if (key !== undefined) this.#done.set(key, result);
    return result;
  }

  async #rewriteDirectory(directory: DirEntry, path: string): Promise<DirEntry | undefined> {
    const { checkDirectory, unreadableDirectories, onUnreadable } = this.#options;
    let manifest: DirManifest;
    try {
      await checkDirectory?.(directory, this.#abort);
      manifest = await readEntryDirectory(this.#writer, directory, this.#abort);
    } catch (error) {
      if (!isDamage(error)) throw error;
      onUnreadable?.(path, error);
      return this.replaceUnreadable(directory, path, error, unreadableDirectories);
    }
    const children = await this.#rewriteChildren(manifest.entries, path);
    const isSame = children.every((child, index) => child === manifest.entries[index]);
    if (isSame && children.length === manifest.entries.length) return directory;
    const builder = new DirManifestBuilder();
    for (const child of children) if (child !== undefined) builder.add(child);
    addOwnErrors(builder, manifest.summary, manifest.entries);
    const rewritten = builder.build(directory.mtime, manifest.summary.incomplete);
    const objectID = await this.#writer.writeObject(encodeDirManifest(rewritten), {
      prefix: 'k',
      compressor: this.metadataCompressor,
      metadataCompressor: this.metadataCompressor,
      ...this.#abort,
    });
    return { ...directory, objectID, summary: rewritten.summary };
  }

  /** In the order of `entries`; undefined where one is dropped. All are awaited before a failure is thrown. */
  async #rewriteChildren(
    entries: readonly DirEntry[],
    parent: string,
  ): Promise<readonly (DirEntry | undefined)[]> {
    const results: (DirEntry | undefined)[] = [];
    const work = entries.map((entry, index) => async (): Promise<void> => {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      results[index] = await this.#rewrite(entry, path);
    });
    await runBeside(this.#places, work);
    return results;
  }

  get #abort(): AbortOptions {
    return abortOptions(this.#options);
  }
}

/** As the root of a single-file snapshot has it. */
function withFileSummary(entry: DirEntry): DirEntry {
  return {
    ...entry,
    summary: {
      size: entry.size,
      files: 1,
      symlinks: 0,
      dirs: 0,
      maxTime: entry.mtime,
      numFailed: 0,
      numIgnoredErrors: 0,
      errors: [],
    },
  };
}
