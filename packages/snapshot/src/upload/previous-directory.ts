import type { ObjectID, Repository } from '@longshore/repo';
import type { DirEntry, DirManifest, DirSummary } from '../dir-manifest.ts';
import { readDirectory } from '../repository-entry.ts';

/** A directory as an earlier snapshot holds it: asked for entries that did not change since. */
export class PreviousDirectory {
  readonly objectID: ObjectID;
  readonly entries: ReadonlyMap<string, DirEntry>;
  readonly #manifest: DirManifest;

  constructor(objectID: ObjectID, manifest: DirManifest) {
    this.objectID = objectID;
    this.entries = new Map(manifest.entries.map((entry) => [entry.name, entry]));
    this.#manifest = manifest;
  }

  /**
   * The summary, if a directory of exactly these entries would be stored as this very object: it holds
   * everything, and no two of its entries have one name.
   */
  get reusableSummary(): DirSummary | undefined {
    const { entries, summary } = this.#manifest;
    const { incomplete, numFailed, numIgnoredErrors, errors } = summary;
    const isWhole = incomplete === undefined && numFailed === 0 && numIgnoredErrors === 0;
    const isPlain = errors.length === 0 && this.entries.size === entries.length;
    return isWhole && isPlain ? summary : undefined;
  }

  /** The directory objects of `entries`, each once. One that cannot be read matches nothing. */
  static async load(
    repository: Repository,
    entries: readonly DirEntry[],
    onUnreadable: (entry: DirEntry, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<readonly PreviousDirectory[]> {
    const loaded: PreviousDirectory[] = [];
    for (const entry of entries) {
      const { objectID } = entry;
      if (entry.type !== 'd' || objectID === undefined) continue;
      if (loaded.some((other) => other.objectID === objectID)) continue;
      try {
        const manifest = await readDirectory(repository, objectID, { signal });
        loaded.push(new PreviousDirectory(objectID, manifest));
      } catch (error) {
        signal.throwIfAborted();
        onUnreadable(entry, error);
      }
    }
    return loaded;
  }

  /** The entries called `name`, in the order in which the snapshots are asked. */
  static find(previous: readonly PreviousDirectory[], name: string): readonly DirEntry[] {
    return previous.flatMap(({ entries }) => entries.get(name) ?? []);
  }
}
