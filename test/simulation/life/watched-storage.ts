import {
  createMemoryStorage,
  NANOSECONDS_PER_SECOND,
  type BlobID,
  type BlobMetadata,
  type ByteRange,
  type ContentID,
  type ContentInfo,
  type EpochNanoseconds,
  type MemoryStorage,
  type OpenWritableRepository,
  type PutBlobOptions,
} from '@longshore/repo';
import { sessionIDOf } from '../../../packages/repo/src/content/session-id.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { DAY, HOUR, MINUTE, SECOND, type VirtualWorld } from './virtual-world.ts';

/** How far a writer's clock may be off, which is what shortens a margin that goes by its times. */
export const MOST_SKEW = 25n * MINUTE;

interface StoredBlob {
  readonly author: SimulatedProcess | undefined;
  readonly putAt: EpochNanoseconds;
  readonly length: number;
}

interface WatchedContent extends ContentInfo {
  /** When the index began to say that it is deleted, or not. */
  readonly since: EpochNanoseconds;
}

/** Blobs by which the index changes. */
const INDEX_BLOB = /^[xnml]/;

/**
 * The storage itself, where nothing is late and nothing fails, and a guard that knows by true time what may leave
 * it: never what the index names, and what it does not name any more only after the safety margins.
 */
export class WatchedStorage {
  readonly memory: MemoryStorage;
  readonly #world: VirtualWorld;
  readonly #blobs = new Map<string, StoredBlob>();
  readonly #activeIndexes = new Set<string>();
  readonly #inactiveSince = new Map<string, EpochNanoseconds>();
  /** Packs that the index names. */
  #namedPacks: ReadonlySet<string> = new Set();
  /** Those in which it names something that is not deleted, and since when the others have nothing of that kind. */
  #usedPacks: ReadonlySet<string> = new Set();
  readonly #unusedSince = new Map<string, EpochNanoseconds>();
  #contents: ReadonlyMap<ContentID, WatchedContent> = new Map();
  #repository: OpenWritableRepository | undefined;
  #isIndexChanged = false;
  #isFormatChanged = false;
  #isWithdrawn = false;
  /** The least that any client may have gone by. */
  #indexMargin: bigint | undefined;
  /** What live snapshots stand on. */
  needed: () => ReadonlySet<ContentID> = () => new Set();

  constructor(world: VirtualWorld, granularity: bigint) {
    this.#world = world;
    this.memory = createMemoryStorage({ clock: () => world.now - (world.now % granularity) });
  }

  /** From now on `repository`, which is open over the memory, says what the index holds. */
  async watch(repository: OpenWritableRepository): Promise<void> {
    this.#repository = repository;
    await this.#look(repository);
  }

  get(id: BlobID, range: ByteRange | undefined): Promise<Uint8Array> {
    return this.memory.getBlob(id, range === undefined ? {} : { range });
  }

  async page(prefix: string, after: string, size: number): Promise<readonly BlobMetadata[]> {
    const blobs: BlobMetadata[] = [];
    for await (const blob of this.memory.listBlobs(prefix)) if (blob.id > after) blobs.push(blob);
    return blobs.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, size);
  }

  async put(
    author: SimulatedProcess,
    id: BlobID,
    bytes: Uint8Array,
    options: PutBlobOptions,
  ): Promise<void> {
    await this.memory.putBlob(id, bytes, options);
    this.#blobs.set(id, { author, putAt: this.#world.now, length: bytes.length });
    this.#note(id);
  }

  async delete(process: SimulatedProcess, id: BlobID): Promise<void> {
    const blob = this.#blobs.get(id);
    if (blob === undefined) return;
    const objection = this.#objection(process, id, blob);
    if (objection !== undefined) {
      this.#world.fail(new Error(`${process.name} deletes ${id}: ${objection}`));
    }
    this.#blobs.delete(id);
    this.#note(id);
    await this.memory.deleteBlob(id);
  }

  /** Notes what the last event did to the index, and objects to what must not happen to it. */
  look(): Promise<void> | undefined {
    const repository = this.#repository;
    if (repository === undefined || !this.#isIndexChanged) return undefined;
    return this.#look(repository);
  }

  get contents(): ReadonlyMap<ContentID, ContentInfo> {
    return this.#contents;
  }

  #note(id: string): void {
    if (INDEX_BLOB.test(id)) this.#isIndexChanged = true;
    if (id.startsWith('kopia.')) this.#isIndexChanged = this.#isFormatChanged = true;
  }

  #objection(
    process: SimulatedProcess,
    id: string,
    { author, putAt }: StoredBlob,
  ): string | undefined {
    const age = this.#world.now - putAt;
    if (/^[pq]/.test(id)) return this.#packObjection(id, age);
    if (id.startsWith('s')) {
      const isYoung = age < 4n * DAY - MOST_SKEW - SECOND;
      return author !== process && isYoung ? 'the session is young' : undefined;
    }
    if (/^(?:n|x[0-9nrs])/.test(id)) return this.#indexObjection(process, id, author);
    // Of markers of epochs and logs of compactions, the index says whether they were needed.
    return /^(?:x[ew]|m|l)/.test(id) ? undefined : 'nobody has to delete this';
  }

  #packObjection(id: string, age: bigint): string | undefined {
    if (this.#namedPacks.has(id)) return 'the index names contents in this pack';
    // Storages with coarse clocks make a blob seem older by up to their granularity.
    if (age < DAY - 2n * SECOND) return 'the pack is young';
    const unusedSince = this.#unusedSince.get(id);
    if (unusedSince !== undefined && this.#world.now - unusedSince < HOUR - 10n * MINUTE) {
      return 'readers may still go by the index that named it';
    }
    const session = sessionIDOf(id);
    for (const [marker, { putAt }] of this.#blobs) {
      if (!marker.startsWith('s') || sessionIDOf(marker) !== session) continue;
      if (this.#world.now - putAt < 4n * DAY - MOST_SKEW - SECOND) return 'its session goes on';
    }
    return undefined;
  }

  #indexObjection(
    process: SimulatedProcess,
    id: string,
    author: SimulatedProcess | undefined,
  ): string | undefined {
    // A writer that was too slow takes back what nobody was told of.
    if (author === process && this.#world.now - (this.#blobs.get(id)?.putAt ?? 0n) < HOUR) {
      this.#isWithdrawn = true;
      return undefined;
    }
    if (this.#activeIndexes.has(id)) return 'this index blob counts';
    const since = this.#inactiveSince.get(id);
    const margin = this.#indexMargin ?? HOUR;
    if (since !== undefined && this.#world.now - since < margin - 2n * SECOND) {
      return 'readers may still go by this index blob';
    }
    return undefined;
  }

  async #look(repository: OpenWritableRepository): Promise<void> {
    this.#isIndexChanged = false;
    try {
      if (this.#isFormatChanged) await repository.formatManager.refresh();
      this.#isFormatChanged = false;
      this.#noteMargin(repository);
      repository.indexBlobs.invalidate();
      await repository.refresh();
      await this.#lookAtIndexBlobs(repository);
      this.#lookAtContents(repository);
      this.#checkNeeded();
      this.#isWithdrawn = false;
    } catch (error) {
      this.#world.fail(error);
    }
  }

  #noteMargin({ formatManager }: OpenWritableRepository): void {
    const { epochParameters } = formatManager.current();
    if (!epochParameters.enabled) return;
    const margin = epochParameters.cleanupSafetyMargin;
    if (this.#indexMargin === undefined || margin < this.#indexMargin) this.#indexMargin = margin;
  }

  async #lookAtIndexBlobs({ indexBlobs }: OpenWritableRepository): Promise<void> {
    const { blobs } = await indexBlobs.loadActive();
    const active = new Set<string>(blobs.map(({ id }) => id));
    for (const id of this.#activeIndexes) {
      if (active.has(id)) continue;
      this.#activeIndexes.delete(id);
      this.#inactiveSince.set(id, this.#world.now);
    }
    for (const id of active) {
      this.#activeIndexes.add(id);
      this.#inactiveSince.delete(id);
    }
  }

  #lookAtContents(repository: OpenWritableRepository): void {
    const { now } = this.#world;
    const contents = new Map<ContentID, WatchedContent>();
    const named = new Set<string>();
    const used = new Set<string>();
    for (const info of repository.contents.iterateContents({ includeDeleted: true })) {
      const before = this.#contents.get(info.contentID);
      const since = before?.deleted === info.deleted ? before.since : now;
      if (before !== undefined && !before.deleted && info.deleted) this.#checkMark(before);
      contents.set(info.contentID, { ...info, since });
      named.add(info.packBlobID);
      if (!info.deleted) used.add(info.packBlobID);
    }
    for (const before of this.#contents.values()) {
      if (!contents.has(before.contentID)) this.#checkDrop(before);
    }
    for (const id of this.#usedPacks) if (!used.has(id)) this.#unusedSince.set(id, now);
    for (const id of used) this.#unusedSince.delete(id);
    this.#namedPacks = named;
    this.#usedPacks = used;
    this.#contents = contents;
  }

  /** Manifests are deleted by who writes them, at any age. */
  #checkMark({ contentID, timestampSeconds }: ContentInfo): void {
    if (contentID.startsWith('m')) return;
    const age = this.#world.now - BigInt(timestampSeconds) * NANOSECONDS_PER_SECOND;
    if (age < DAY - 2n * MOST_SKEW) {
      throw new Error(
        `content ${contentID} was marked deleted at the age of ${age / MINUTE} minutes`,
      );
    }
  }

  #checkDrop({ contentID, deleted, since, packBlobID }: WatchedContent): void {
    const age = this.#world.now - since;
    if (this.#isWithdrawn && age < HOUR) return;
    if (!deleted) throw new Error(`content ${contentID} in ${packBlobID} vanished from the index`);
    if (age < 4n * HOUR) {
      throw new Error(`content ${contentID} left the index ${age / MINUTE} minutes after its mark`);
    }
  }

  #checkNeeded(): void {
    for (const id of this.needed()) {
      const info = this.#contents.get(id);
      if (info === undefined)
        throw new Error(`content ${id}, which a snapshot needs, is in no index`);
      const pack = this.#blobs.get(info.packBlobID);
      if (pack === undefined || pack.length < info.packOffset + info.packedLength) {
        throw new Error(
          `pack ${info.packBlobID} of content ${id}, which a snapshot needs, is ${pack === undefined ? 'gone' : 'cut'}`,
        );
      }
    }
  }
}
