import { deleteIfAllowed } from '../blob/delete-if-allowed.ts';
import { encodeHex, encodeUtf8, equalBytes } from '../bytes.ts';
import { CorruptDataError, hasCode, LongshoreError } from '../errors.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from '../format/format-blob.ts';
import { encodeGoJSON, field, parseGoJSON } from '../format/go-json.ts';
import { Budget, forEachLimit } from '../parallel.ts';
import {
  abortOptions,
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobStorage,
} from '../blob/storage.ts';
import type { OpenRepository } from '../repository.ts';
import { createSyncJudge, type SyncJudge } from './sync-judge.ts';
import {
  isImmutable,
  isPack,
  isToCopy,
  namesOthers,
  NAMING_PREFIXES,
  SYNC_PHASE_COUNT,
  syncPhase,
  type SyncCandidate,
} from './sync-plan.ts';

/** Stands in a target while it has no format blob yet: whose copy it is. Kopia never looks at this name. */
const SYNC_MARKER_ID = parseBlobID('longshore.sync');
const MAX_MARKER_LENGTH = 4096;

/** Bytes of blobs in memory at once, unless one alone is larger. */
const DEFAULT_MEMORY_LIMIT = 256 * 1024 * 1024;

/** Sizes in bytes. */
export interface SyncTally {
  readonly blobs: number;
  readonly bytes: number;
}

export type SyncEvent =
  | {
      readonly type: 'planned';
      readonly source: SyncTally;
      readonly toCopy: SyncTally;
      readonly inSync: SyncTally;
      readonly toDelete: SyncTally;
    }
  | { readonly type: 'copied' | 'deleted' | 'vanished'; readonly blob: BlobMetadata }
  | ({ readonly type: 'kept' } & KeptBlob)
  /** The target gives every blob the time of its copy. */
  | { readonly type: 'times-unsupported' };

/**
 * A blob of the target that stays as it is, because the source's is worse: `damaged`, or `lost`, which is a pack that
 * the source's index names and its storage has not, or `unlisted`, there but left out of the listing of the source.
 */
export interface KeptBlob {
  readonly problem: 'damaged' | 'lost' | 'unlisted';
  /** As it is in the target. */
  readonly blob: BlobMetadata;
}

export interface SyncOptions extends AbortOptions {
  /** Blobs copied at once; default 1. */
  readonly parallel?: number;
  /** Copy what is newer in the source. Default true. */
  readonly update?: boolean;
  /**
   * The repository in the source. With it a blob of the target is replaced only by a sound one; without it, by one that
   * is no shorter.
   */
  readonly repository?: OpenRepository;
  /** Delete what the source lacks and does not need, once everything else is done. Asks for the repository. */
  readonly delete?: boolean;
  /** The target must be a copy of the repository already. */
  readonly mustExist?: boolean;
  readonly dryRun?: boolean;
  /** Read packs back too and compare them; everything else is always compared. */
  readonly verifyPacks?: boolean;
  /** Copies get the times of their originals, as far as the target can set times. */
  readonly times?: boolean;
  /** Bytes; default 256 MiB. */
  readonly memoryLimit?: number;
  readonly onEvent?: (event: SyncEvent) => void;
}

export interface SyncResult {
  readonly copied: SyncTally;
  readonly deleted: SyncTally;
  readonly inSync: SyncTally;
  /** Not empty: something is wrong with the source, which `healRepository` may mend out of this target. */
  readonly kept: readonly KeptBlob[];
}

/**
 * Makes `target` a copy of the repository in `source`, blob by blob, and checks it there. It may be interrupted and run
 * again, and others may use the source meanwhile: what they add once it has begun comes with the next run. Damage of
 * the source is not copied over what the target has already.
 * INVALID_ARGUMENT if the target holds something else. Memory: the names in both, and the blobs under way.
 */
export async function syncStorages(
  source: BlobReader,
  target: BlobStorage,
  options: SyncOptions = {},
): Promise<SyncResult> {
  const { repository } = options;
  if (options.delete === true && repository === undefined) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'only an open repository can tell which packs nobody needs any more',
    );
  }
  await repository?.refresh(abortOptions(options));
  const judge = repository === undefined ? undefined : await createSyncJudge(repository);
  return new StorageSync(source, target, judge, options).run();
}

class StorageSync {
  readonly #source: BlobReader;
  readonly #target: BlobStorage;
  readonly #judge: SyncJudge | undefined;
  readonly #options: SyncOptions;
  readonly #abort: AbortOptions;
  readonly #kept: KeptBlob[] = [];
  #copied: SyncTally = { blobs: 0, bytes: 0 };
  #deleted: SyncTally = { blobs: 0, bytes: 0 };

  constructor(
    source: BlobReader,
    target: BlobStorage,
    judge: SyncJudge | undefined,
    options: SyncOptions,
  ) {
    this.#source = source;
    this.#target = target;
    this.#judge = judge;
    this.#options = options;
    this.#abort = abortOptions(options);
  }

  async run(): Promise<SyncResult> {
    const { dryRun = false, update = true, onEvent } = this.#options;
    const isMarked = await this.#checkSameRepository();
    const inTarget = await this.#list(this.#target, '');
    // Whatever names others is listed before the packs: of what is listed then, every pack is in the second list.
    const named = new Set<BlobID>();
    for (const prefix of NAMING_PREFIXES) {
      for (const id of (await this.#list(this.#source, prefix)).keys()) named.add(id);
    }
    const all = await this.#list(this.#source, '');
    const phases: SyncCandidate[][] = Array.from({ length: SYNC_PHASE_COUNT }, () => []);
    const inSync: BlobMetadata[] = [];
    for (const blob of all.values()) {
      if (namesOthers(blob.id) && !named.has(blob.id)) continue;
      const candidate = { source: blob, target: inTarget.get(blob.id) };
      if (isToCopy(candidate, update)) phases[syncPhase(blob.id)]!.push(candidate);
      else inSync.push(blob);
    }
    const toDelete = this.#options.delete === true ? this.#toDelete(inTarget, all) : [];
    const toCopy = phases.flat().map((candidate) => candidate.source);
    onEvent?.({
      type: 'planned',
      source: tallyOf(all.values()),
      toCopy: tallyOf(toCopy),
      inSync: tallyOf(inSync),
      toDelete: tallyOf(toDelete),
    });
    if (!dryRun) {
      if (this.#options.times === true && !this.#setsTimes)
        onEvent?.({ type: 'times-unsupported' });
      await this.#copy(phases);
      await this.#checkTarget([...toCopy, ...inSync]);
      await this.#delete(toDelete);
      // Beside a format blob it says nothing any more.
      if (isMarked) await deleteIfAllowed(this.#target, SYNC_MARKER_ID, this.#abort);
    }
    return {
      copied: this.#copied,
      deleted: this.#deleted,
      inSync: tallyOf(inSync),
      kept: this.#kept,
    };
  }

  /** True if the target has no format blob and now has a marker, which is to go in the end. */
  async #checkSameRepository(): Promise<boolean> {
    const { mustExist = false, dryRun = false } = this.#options;
    const uniqueID = await this.#uniqueID(this.#source);
    if (uniqueID === undefined) {
      throw new LongshoreError(
        'REPOSITORY_NOT_INITIALIZED',
        `there is no repository in ${this.#source.displayName}`,
      );
    }
    const existing = await this.#uniqueID(this.#target);
    if (existing === uniqueID) return this.#hasMarker();
    if (existing !== undefined) throw this.#otherRepository();
    if (mustExist) {
      throw new LongshoreError(
        'REPOSITORY_NOT_INITIALIZED',
        `${this.#target.displayName} is no copy of the repository: it has no format blob`,
      );
    }
    const marked = await this.#markedID();
    if (marked !== undefined && marked !== uniqueID) throw this.#otherRepository();
    if (marked === undefined && !(await this.#isTargetEmpty())) {
      throw new LongshoreError(
        'INVALID_ARGUMENT',
        `${this.#target.displayName} is not empty and holds no copy of the repository`,
      );
    }
    if (dryRun) return false;
    const marker = encodeUtf8(encodeGoJSON({ uniqueID }));
    await this.#target.putBlob(SYNC_MARKER_ID, marker, this.#abort);
    return true;
  }

  get #setsTimes(): boolean {
    return this.#options.times === true && this.#target.capabilities.putTimes === true;
  }

  async #copy(phases: readonly (readonly SyncCandidate[])[]): Promise<void> {
    const { parallel = 1, memoryLimit = DEFAULT_MEMORY_LIMIT } = this.#options;
    const memory = new Budget(memoryLimit);
    for (const candidates of phases) {
      await forEachLimit(
        candidates,
        { parallelism: Math.max(1, parallel), ...this.#abort },
        async (candidate, signal) => {
          const release = await memory.acquire(memoryOf(candidate), { signal });
          try {
            await this.#copyBlob(candidate, signal);
          } finally {
            release();
          }
        },
      );
    }
  }

  async #copyBlob({ source: blob, target }: SyncCandidate, signal: AbortSignal): Promise<void> {
    const { id } = blob;
    const { onEvent, verifyPacks = false } = this.#options;
    let data: Uint8Array;
    try {
      data = await this.#source.getBlob(id, { signal });
    } catch (error) {
      if (!hasCode(error, 'BLOB_NOT_FOUND') || id === FORMAT_BLOB_ID) throw error;
      // Maintenance of the source superseded it. What took its place may be too new to be in this copy.
      if (namesOthers(id)) throw changedMeanwhile(id, error);
      onEvent?.({ type: 'vanished', blob });
      return;
    }
    if (target !== undefined && (await this.#isWorse(data, target, signal))) {
      this.#keep('damaged', target);
      return;
    }
    const timestamp = this.#setsTimes ? { timestamp: blob.timestamp } : {};
    await this.#target.putBlob(id, data, { ...timestamp, signal });
    if (!isPack(id) || verifyPacks) {
      const stored = await this.#target.getBlob(id, { signal });
      if (!equalBytes(stored, data)) throw this.#differs(id, 'does not hold what was written');
    }
    this.#copied = { blobs: this.#copied.blobs + 1, bytes: this.#copied.bytes + data.length };
    onEvent?.({ type: 'copied', blob });
  }

  /** Whether the source's bytes of a blob are not to take the place of what the target has. */
  async #isWorse(data: Uint8Array, target: BlobMetadata, signal: AbortSignal): Promise<boolean> {
    const { id, length } = target;
    if (!isImmutable(id)) return false;
    if (this.#judge === undefined) return length > data.length;
    if (this.#judge.isSound(id, data)) return false;
    // Of two that cannot be told apart by what they hold, the longer one has more of it.
    return (
      length > data.length || this.#judge.isSound(id, await this.#target.getBlob(id, { signal }))
    );
  }

  #keep(problem: KeptBlob['problem'], blob: BlobMetadata): void {
    const kept = { problem, blob };
    this.#kept.push(kept);
    this.#options.onEvent?.({ type: 'kept', ...kept });
  }

  /** Blobs of the target that the source lacks, but for packs that it should have. */
  #toDelete(
    target: ReadonlyMap<BlobID, BlobMetadata>,
    source: ReadonlyMap<BlobID, BlobMetadata>,
  ): readonly BlobMetadata[] {
    const extra = [...target.values()].filter(({ id }) => !source.has(id));
    if (!extra.some(({ id }) => isPack(id))) return extra;
    const named = this.#judge?.namedPacks();
    const isLost = ({ id }: BlobMetadata): boolean => named?.has(id) === true;
    for (const blob of extra.filter(isLost)) this.#keep('lost', blob);
    return extra.filter((blob) => !isLost(blob));
  }

  /** Before anything is deleted: what should be in the target is there, at its length. */
  async #checkTarget(expected: readonly BlobMetadata[]): Promise<void> {
    const present = await this.#list(this.#target, '');
    const kept = new Set(this.#kept.map(({ blob }) => blob.id));
    for (const { id, length } of expected) {
      if (kept.has(id)) continue;
      const stored = present.get(id);
      if (stored?.length === length) continue;
      // Blobs that are replaced, or that vanished from the source, may differ from what was listed.
      const now = await this.#lengthInSource(id);
      if (now === undefined || now === stored?.length) continue;
      if (stored === undefined) throw this.#differs(id, 'is missing');
      throw this.#differs(id, `has ${stored.length} bytes instead of ${now}`);
    }
  }

  /** Index blobs first, so that none is left that names a pack which is gone. */
  async #delete(blobs: readonly BlobMetadata[]): Promise<void> {
    const { parallel = 1, onEvent } = this.#options;
    const naming = blobs.filter(({ id }) => namesOthers(id));
    const others = blobs.filter(({ id }) => !namesOthers(id));
    for (const group of [naming, others]) {
      await forEachLimit(
        group,
        { parallelism: Math.max(1, parallel), ...this.#abort },
        async (blob, signal) => {
          // A listing that is short must not cost the copy.
          if ((await this.#lengthInSource(blob.id)) !== undefined) {
            this.#keep('unlisted', blob);
            return;
          }
          await this.#target.deleteBlob(blob.id, { signal });
          const { blobs: count, bytes } = this.#deleted;
          this.#deleted = { blobs: count + 1, bytes: bytes + blob.length };
          onEvent?.({ type: 'deleted', blob });
        },
      );
    }
  }

  async #list(storage: BlobReader, prefix: string): Promise<Map<BlobID, BlobMetadata>> {
    const blobs = new Map<BlobID, BlobMetadata>();
    for await (const blob of storage.listBlobs(prefix, this.#abort)) {
      if (!isOfOneStorage(blob.id)) blobs.set(blob.id, blob);
    }
    return blobs;
  }

  async #isTargetEmpty(): Promise<boolean> {
    for await (const _ of this.#target.listBlobs('', this.#abort)) return false;
    return true;
  }

  async #uniqueID(storage: BlobReader): Promise<string | undefined> {
    const bytes = await this.#find(storage, FORMAT_BLOB_ID);
    return bytes === undefined ? undefined : encodeHex(parseFormatBlob(bytes).uniqueID);
  }

  async #hasMarker(): Promise<boolean> {
    return (await this.#find(this.#target, SYNC_MARKER_ID)) !== undefined;
  }

  async #markedID(): Promise<string | undefined> {
    const bytes = await this.#find(this.#target, SYNC_MARKER_ID);
    if (bytes === undefined || bytes.length > MAX_MARKER_LENGTH) return undefined;
    const uniqueID = field(parseGoJSON(bytes, SYNC_MARKER_ID), 'uniqueID');
    return typeof uniqueID === 'string' ? uniqueID : undefined;
  }

  async #find(storage: BlobReader, id: BlobID): Promise<Uint8Array | undefined> {
    try {
      return await storage.getBlob(id, this.#abort);
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #lengthInSource(id: BlobID): Promise<number | undefined> {
    try {
      return (await this.#source.getMetadata(id, this.#abort)).length;
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #differs(id: BlobID, how: string): CorruptDataError {
    return new CorruptDataError(`${this.#target.displayName}: blob ${id} ${how}`, { blobID: id });
  }

  #otherRepository(): LongshoreError {
    return new LongshoreError(
      'INVALID_ARGUMENT',
      `${this.#target.displayName} holds another repository`,
    );
  }
}

/** Says something about the storage that it lies in: that its bytes were read, say. A copy has to find out for itself. */
function isOfOneStorage(id: BlobID): boolean {
  return id.startsWith('longshore.');
}

function changedMeanwhile(id: BlobID, cause: unknown): LongshoreError {
  return new LongshoreError(
    'BLOB_NOT_FOUND',
    `the repository changed while it was copied: index blob ${id} is gone; run it again`,
    { blobID: id, cause },
  );
}

/** Bytes that are held while a blob is copied: where there is one already, both may be compared. */
function memoryOf({ source, target }: SyncCandidate): number {
  return target === undefined ? source.length : 2 * source.length;
}

function tallyOf(blobs: Iterable<BlobMetadata>): SyncTally {
  let count = 0;
  let bytes = 0;
  for (const { length } of blobs) {
    count += 1;
    bytes += length;
  }
  return { blobs: count, bytes };
}
