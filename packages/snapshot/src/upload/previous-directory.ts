import { objectReference, type ContentID, type ObjectID, type Repository } from '@longshore/repo';
import type { DirEntry, DirManifest, DirSummary } from '../dir-manifest.ts';
import { readDirectory } from '../repository-entry.ts';

/** Subdirectories whose manifests are fetched together. */
const MAX_READ_AHEAD = 1000;

/** They will be asked for one after another. What cannot be read fails then. */
async function readSubdirectoriesAhead(
  { contents }: Repository,
  { entries }: DirManifest,
  signal: AbortSignal,
): Promise<void> {
  const ids: ContentID[] = [];
  for (const { type, objectID } of entries) {
    if (type === 'd' && objectID !== undefined) ids.push(objectReference(objectID).contentID);
    if (ids.length === MAX_READ_AHEAD) break;
  }
  try {
    if (ids.length > 1) await contents.readAhead(ids, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

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
        await readSubdirectoriesAhead(repository, manifest, signal);
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
