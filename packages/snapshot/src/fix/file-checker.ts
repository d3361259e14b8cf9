import {
  objectReference,
  type AbortOptions,
  type ObjectID,
  type Repository,
} from '@longshore/repo';
import { isDamage } from '../damage.ts';
import { entryChunks, lengthMismatch } from '../entry-chunks.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { PackLengths, unindexed } from '../verify/pack-lengths.ts';
import { RecentMap } from '../verify/recent-map.ts';

/** Objects whose state is remembered. */
const MAX_REMEMBERED = 1_000_000;

interface Verdict {
  /** Undefined: sound. */
  readonly error: unknown;
  /** Bytes of the object. */
  readonly length: number;
}

/** Tells sound files and directories from damaged ones. Looks at each object once. */
export class FileChecker {
  readonly #repository: Repository;
  readonly #packs: PackLengths;
  readonly #isRead: () => boolean;
  readonly #verdicts: RecentMap<ObjectID, Verdict> = new RecentMap(MAX_REMEMBERED);

  private constructor(repository: Repository, packs: PackLengths, isRead: () => boolean) {
    this.#repository = repository;
    this.#packs = packs;
    this.#isRead = isRead;
  }

  /** Lists all packs. `isRead` decides for each file whether it is read to its last byte. */
  static async create(
    repository: Repository,
    isRead: () => boolean,
    options: AbortOptions = {},
  ): Promise<FileChecker> {
    return new FileChecker(
      repository,
      await PackLengths.list(repository.contents.storage, options),
      isRead,
    );
  }

  /** Throws the damage of a file or symlink: a missing content, a pack that is gone or short, bytes that do not open. */
  async checkFile(entry: DirEntry, options: AbortOptions): Promise<void> {
    const { objectID } = entry;
    const known = objectID === undefined ? undefined : this.#verdicts.get(objectID);
    const verdict = known ?? (await this.#examine(entry, options));
    if (objectID !== undefined && known === undefined) this.#verdicts.set(objectID, verdict);
    if (verdict.error !== undefined) throw verdict.error;
    if (entry.type === 'f' && objectID !== undefined && verdict.length !== entry.size) {
      throw lengthMismatch(entry, { objectID, length: verdict.length, chunks: [] });
    }
  }

  /** Throws the damage of what a directory's stream is stored in. */
  async checkDirectory({ objectID }: DirEntry, options: AbortOptions): Promise<void> {
    if (objectID !== undefined) await this.#checkBacking(objectID, options);
  }

  async #examine(entry: DirEntry, options: AbortOptions): Promise<Verdict> {
    try {
      if (entry.objectID !== undefined) await this.#checkBacking(entry.objectID, options);
      const list = await entryChunks(this.#repository, entry, options);
      if (this.#isRead()) await this.#read(list.objectID, options);
      return { error: undefined, length: list.length };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { error, length: 0 };
    }
  }

  async #checkBacking(id: ObjectID, options: AbortOptions): Promise<void> {
    const { contents } = this.#repository;
    const check = async (contentID: Parameters<typeof contents.contentInfo>[0]): Promise<void> => {
      const info = contents.contentInfo(contentID);
      if (info === undefined) throw unindexed(contentID);
      await this.#packs.check(info, options);
    };
    // What an index object is stored in comes first: it has to be read for the rest.
    await check(objectReference(id).contentID);
    for await (const contentID of this.#repository.verifyObject(id, options)) {
      await check(contentID);
    }
  }

  async #read(id: ObjectID, options: AbortOptions): Promise<void> {
    await using reader = await this.#repository.openObject(id, options);
    for await (const _ of reader.stream(options)) options.signal?.throwIfAborted();
  }
}
