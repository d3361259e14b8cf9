import { describeError, type ObjectID, type Repository } from '@longshore/repo';
import type { DirEntry, DirManifest, DirSummary } from '../dir-manifest.ts';
import { parseDirectoryStream } from '../directory-stream.ts';
import { readDirectoryStream } from '../repository-entry.ts';
import { listedEntry, listedSummary } from '../listed-entry.ts';
import type { StoredListing } from '../stored-listing.ts';
import type { DirectoryPrefetch } from './directory-prefetch.ts';

/** A directory of an earlier snapshot as it is stored, not looked at yet. */
export interface StoredDirectory {
  readonly name: string;
  readonly objectID: ObjectID;
  readonly stream: Uint8Array;
}

export type OnUnreadable = (name: string, error: string) => void;

export interface LoadOptions {
  /** Has perhaps read them already. */
  readonly prefetch: DirectoryPrefetch | undefined;
  readonly onUnreadable: OnUnreadable;
  readonly signal: AbortSignal;
}

/** The directory objects of `entries`, each once. One that cannot be read is passed over. */
export async function loadStoredDirectories(
  repository: Repository,
  entries: readonly DirEntry[],
  { prefetch, onUnreadable, signal }: LoadOptions,
): Promise<readonly StoredDirectory[]> {
  const loaded: StoredDirectory[] = [];
  for (const { type, name, objectID } of entries) {
    if (type !== 'd' || objectID === undefined) continue;
    if (loaded.some((other) => other.objectID === objectID)) continue;
    try {
      const stream =
        (await prefetch?.take(objectID)) ??
        (await readDirectoryStream(repository, objectID, { signal }));
      loaded.push({ name, objectID, stream });
    } catch (error) {
      signal.throwIfAborted();
      onUnreadable(name, describeError(error));
    }
  }
  return loaded;
}

/** A directory as an earlier snapshot holds it: asked for entries that did not change since. */
export class PreviousDirectory {
  readonly objectID: ObjectID;
  /** By name; only the directories if the rest was taken over as it is. */
  readonly entries: ReadonlyMap<string, DirEntry>;
  readonly #summary: DirSummary;
  /** No two of its entries have one name. */
  readonly #isUnique: boolean;

  private constructor(objectID: ObjectID, { entries, summary }: DirManifest) {
    this.objectID = objectID;
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#summary = summary;
    this.#isUnique = this.entries.size === entries.length;
  }

  /** All that can be parsed. */
  static parse(
    stored: readonly StoredDirectory[],
    onUnreadable: OnUnreadable,
  ): readonly PreviousDirectory[] {
    return stored.flatMap(({ name, objectID, stream }) => {
      try {
        const manifest = parseDirectoryStream(stream, `directory ${objectID}`);
        return [new PreviousDirectory(objectID, manifest)];
      } catch (error) {
        onUnreadable(name, describeError(error));
        return [];
      }
    });
  }

  /** With just the entries of `listing`: the directories, while the rest is taken over as it is. Throws if it is damaged. */
  static ofListing(objectID: ObjectID, listing: StoredListing): PreviousDirectory {
    const what = `directory ${objectID}`;
    return new PreviousDirectory(objectID, {
      entries: Array.from({ length: listing.count }, (_, index) =>
        listedEntry(listing, index, what),
      ),
      summary: listedSummary(listing, what),
    });
  }

  /**
   * The summary, if a directory of exactly these entries would be stored as this very object: it holds
   * everything, and no two of its entries have one name.
   */
  get reusableSummary(): DirSummary | undefined {
    const { incomplete, numFailed, numIgnoredErrors, errors } = this.#summary;
    const isWhole = incomplete === undefined && numFailed === 0 && numIgnoredErrors === 0;
    return isWhole && errors.length === 0 && this.#isUnique ? this.#summary : undefined;
  }

  /** The entries called `name`, in the order in which the snapshots are asked. */
  static find(previous: readonly PreviousDirectory[], name: string): readonly DirEntry[] {
    return previous.flatMap(({ entries }) => entries.get(name) ?? []);
  }
}

/** All entries of a stream but the directories. */
export function storedFiles(objectID: ObjectID, stream: Uint8Array): readonly DirEntry[] {
  return parseDirectoryStream(stream, `directory ${objectID}`).entries.filter(
    ({ type }) => type !== 'd',
  );
}
