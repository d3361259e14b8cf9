import { type Repository } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { readDirectory } from '../repository-entry.ts';

/** A directory as an earlier snapshot holds it: asked for entries that did not change since. */
export class PreviousDirectory {
  readonly objectID: DirEntry['objectID'];
  readonly entries: ReadonlyMap<string, DirEntry>;

  constructor(objectID: DirEntry['objectID'], entries: readonly DirEntry[]) {
    this.objectID = objectID;
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
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
        loaded.push(new PreviousDirectory(objectID, manifest.entries));
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
