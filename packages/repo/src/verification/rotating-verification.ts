import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
} from '../blob/storage.ts';
import { webRandomSource, type RandomSource } from '../clock.ts';
import type { ContentInfo } from '../content/content-info.ts';
import { contentsByPack, packExtents } from '../content/contents-by-pack.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import { CorruptDataError, hasCode, LongshoreError } from '../errors.ts';
import { Budget, forEachLimit } from '../parallel.ts';
import type { OpenWritableRepository } from '../repository.ts';
import { RotationStore, ROTATION_PREFIX } from './rotation-store.ts';
import {
  coverageOf,
  MAX_REMEMBERED_DAMAGE,
  planRotation,
  type PlannedPartition,
  type RotationCoverage,
  type RotationState,
} from './rotation.ts';
import { verifyBlob, type BlobDamage } from './verify-blob.ts';

/** Blobs after which progress is saved, and whose index entries are held at once. */
const BLOBS_PER_ROUND = 256;

/** Index entries say at most so many bytes; a blob that is longer is not read into memory. */
const MAX_BLOB_LENGTH = 2 ** 30;

const DEFAULT_MEMORY_LIMIT = 256 * 1024 * 1024;

export type RotatingVerificationEvent =
  /** What this run is about to read. */
  | { readonly type: 'planned'; readonly blobs: number; readonly bytes: number }
  | { readonly type: 'verified'; readonly blobID: BlobID; readonly bytes: number }
  | { readonly type: 'mended'; readonly blobID: BlobID }
  | ({ readonly type: 'damaged' } & BlobDamage);

export interface RotatingVerificationOptions extends AbortOptions {
  /** Each stored byte is to be read once in so many seconds. */
  readonly withinSeconds: number;
  /** Most bytes to read in this run, but at least one blob. Default: what the promise needs. */
  readonly budgetBytes?: number | undefined;
  /** Blobs at once; default 4. */
  readonly parallel?: number;
  /** Bytes of blobs in memory at once, unless one alone is larger; default 256 MiB. */
  readonly memoryLimit?: number;
  readonly random?: RandomSource;
  readonly onEvent?: (event: RotatingVerificationEvent) => void;
}

export interface RotatingVerificationResult extends RotationCoverage {
  readonly readBlobs: number;
  readonly readBytes: number;
  readonly damaged: readonly BlobDamage[];
  /** Blobs that error correction mended and that should be written anew. */
  readonly mended: readonly BlobID[];
  /** No byte has waited longer than was promised. */
  readonly promiseHolds: boolean;
}

/**
 * Reads and authenticates the part of the storage whose turn it is, so that runs at intervals read every byte once in
 * the time promised. What they have read is kept in the repository, after every 256 blobs. Damage is damage in every run
 * until it is mended or gone: damaged blobs are read again first, and those that the budget does not reach are named.
 * Packs that an index names and the storage lacks are damage, too.
 */
export async function verifyRotating(
  repository: OpenWritableRepository,
  options: RotatingVerificationOptions,
): Promise<RotatingVerificationResult> {
  const { withinSeconds, budgetBytes } = options;
  if (!(withinSeconds >= 1) || (budgetBytes !== undefined && !(budgetBytes >= 1))) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      'the time and the budget must be more than nothing',
    );
  }
  const { formatManager } = repository;
  const kernel = await createContentKernel(formatManager.algorithms, formatManager.current());
  return new RotatingVerification(repository, kernel, options).run();
}

class RotatingVerification {
  readonly #repository: OpenWritableRepository;
  readonly #kernel: ContentKernel;
  readonly #options: RotatingVerificationOptions;
  readonly #abort: AbortOptions;
  readonly #store: RotationStore;
  readonly #memory: Budget;
  readonly #damaged: BlobDamage[] = [];
  readonly #mended: BlobID[] = [];
  /** As they were found last, by this run or an earlier one. */
  readonly #damagedNames: Set<string> = new Set();
  #readBlobs = 0;
  #readBytes = 0;

  constructor(
    repository: OpenWritableRepository,
    kernel: ContentKernel,
    options: RotatingVerificationOptions,
  ) {
    const { signal, random = webRandomSource, memoryLimit = DEFAULT_MEMORY_LIMIT } = options;
    this.#repository = repository;
    this.#kernel = kernel;
    this.#options = options;
    this.#abort = abortOptions({ signal });
    this.#store = new RotationStore(repository.storage, repository.sealer, random, this.#abort);
    this.#memory = new Budget(memoryLimit);
  }

  async run(): Promise<RotatingVerificationResult> {
    const { withinSeconds, budgetBytes, onEvent } = this.#options;
    const { storage } = this.#repository;
    const begun = await this.#store.begin();
    const { now } = begun;
    let { state } = begun;
    const blobs: BlobMetadata[] = [];
    for await (const blob of storage.listBlobs('', this.#abort)) {
      if (!blob.id.startsWith(ROTATION_PREFIX)) blobs.push(blob);
    }
    this.#findMissingPacks(blobs);
    const known = new Set(state.damaged);
    const again = takeWithin(
      blobs.filter(({ id }) => known.has(id)),
      budgetBytes,
    );
    const budgetLeft =
      budgetBytes === undefined ? undefined : Math.max(1, budgetBytes - lengthOf(again.taken));
    const goal = { withinSeconds, budgetBytes: budgetLeft };
    const plan = planRotation(state, blobs, now, goal);
    const planned = withinBudget(plan, budgetLeft);
    const isReadAgain = new Set(again.taken);
    const fresh = planned.map(({ blob }) => blob).filter((blob) => !isReadAgain.has(blob));
    const toRead = [...again.taken, ...fresh];
    onEvent?.({ type: 'planned', blobs: toRead.length, bytes: lengthOf(toRead) });
    for (const { id } of again.left) this.#damagedNames.add(id);
    for (let start = 0; start < again.taken.length; start += BLOBS_PER_ROUND) {
      await this.#readRound(again.taken.slice(start, start + BLOBS_PER_ROUND));
    }
    state = withoutEmpty({ ...state, lastRun: now }, plan);
    for (let start = 0; start < planned.length; start += BLOBS_PER_ROUND) {
      const round = planned.slice(start, start + BLOBS_PER_ROUND);
      await this.#readRound(round.map(({ blob }) => blob).filter((blob) => !isReadAgain.has(blob)));
      state = advanced(state, round);
      await this.#store.save(this.#withDamage(state));
    }
    if (planned.length === 0) await this.#store.save(this.#withDamage(state));
    this.#reportUnread(again.left);
    const coverage = coverageOf(state, blobs, now, withinSeconds);
    return {
      ...coverage,
      readBlobs: this.#readBlobs,
      readBytes: this.#readBytes,
      damaged: this.#damaged,
      mended: this.#mended,
      promiseHolds: coverage.overdueBytes === 0,
    };
  }

  #withDamage(state: RotationState): RotationState {
    return { ...state, damaged: [...this.#damagedNames].slice(0, MAX_REMEMBERED_DAMAGE) };
  }

  /** Those that were not read after all, by their turn. */
  #reportUnread(blobs: readonly BlobMetadata[]): void {
    const reported = new Set(this.#damaged.map(({ blobID }) => blobID));
    for (const { id } of blobs) {
      if (!this.#damagedNames.has(id) || reported.has(id)) continue;
      const message = `blob ${id} was damaged when it was last read; the budget did not reach it again`;
      const error = new CorruptDataError(message, { blobID: id });
      this.#report({ blobID: id, lostContents: [], error });
    }
  }

  /** Damage that no reading finds. */
  #findMissingPacks(blobs: readonly BlobMetadata[]): void {
    const present = new Set(blobs.map(({ id }) => id));
    const missing = new Set<BlobID>();
    for (const pack of packExtents(this.#repository.contents).keys()) {
      if (!present.has(pack)) missing.add(pack);
    }
    if (missing.size === 0) return;
    for (const [blobID, infos] of contentsByPack(this.#repository.contents, missing)) {
      const error = new CorruptDataError(`pack ${blobID} is missing from the storage`, { blobID });
      this.#report({ blobID, lostContents: infos.map(({ contentID }) => contentID), error });
    }
  }

  async #readRound(blobs: readonly BlobMetadata[]): Promise<void> {
    const { parallel = 4 } = this.#options;
    const packs = new Set(blobs.map(({ id }) => id));
    const infos = contentsByPack(this.#repository.contents, packs);
    await forEachLimit(
      blobs,
      { parallelism: Math.max(1, parallel), ...this.#abort },
      async (blob, signal) => {
        const release = await this.#memory.acquire(blob.length, { signal });
        try {
          await this.#readBlob(blob, infos.get(blob.id) ?? [], signal);
        } finally {
          release();
        }
      },
    );
  }

  async #readBlob(
    { id, length }: BlobMetadata,
    infos: readonly ContentInfo[],
    signal: AbortSignal,
  ): Promise<void> {
    let bytes: Uint8Array;
    try {
      if (length > MAX_BLOB_LENGTH) {
        throw new CorruptDataError(`blob ${id} has ${length} bytes`, { blobID: id });
      }
      bytes = await this.#repository.storage.getBlob(id, { signal });
    } catch (error) {
      // Maintenance took it since it was listed; what a missing pack loses is found by the next run.
      if (hasCode(error, 'BLOB_NOT_FOUND')) {
        this.#damagedNames.delete(id);
        return;
      }
      if (!hasCode(error, 'CORRUPT_DATA')) throw error;
      this.#damagedNames.add(id);
      this.#report({ blobID: id, lostContents: infos.map((info) => info.contentID), error });
      return;
    }
    const { damage, mended } = verifyBlob(id, bytes, infos, {
      kernel: this.#kernel,
      sealer: this.#repository.sealer,
    });
    this.#readBlobs += 1;
    this.#readBytes += bytes.length;
    const { onEvent } = this.#options;
    onEvent?.({ type: 'verified', blobID: id, bytes: bytes.length });
    if (damage === undefined) this.#damagedNames.delete(id);
    else {
      this.#damagedNames.add(id);
      this.#report(damage);
    }
    if (!mended) return;
    this.#mended.push(id);
    onEvent?.({ type: 'mended', blobID: id });
  }

  #report(damage: BlobDamage): void {
    this.#damaged.push(damage);
    this.#options.onEvent?.({ type: 'damaged', ...damage });
  }
}

interface PlannedBlob {
  readonly blob: BlobMetadata;
  readonly partition: number;
  readonly startedAt: number;
  /** With it, its partition is read. */
  readonly isLast: boolean;
}

/** As many blobs as the budget reaches, and those that it does not reach. */
function takeWithin(
  blobs: readonly BlobMetadata[],
  budgetBytes = Number.POSITIVE_INFINITY,
): { readonly taken: readonly BlobMetadata[]; readonly left: readonly BlobMetadata[] } {
  let bytes = 0;
  const end = blobs.findIndex(({ length }) => (bytes += length) > budgetBytes);
  return end < 0
    ? { taken: blobs, left: [] }
    : { taken: blobs.slice(0, end), left: blobs.slice(end) };
}

function lengthOf(blobs: readonly BlobMetadata[]): number {
  return blobs.reduce((sum, { length }) => sum + length, 0);
}

/** The blobs of a plan in order, as far as the budget reaches; at least one. */
function withinBudget(
  plan: readonly PlannedPartition[],
  budgetBytes = Number.POSITIVE_INFINITY,
): readonly PlannedBlob[] {
  const planned: PlannedBlob[] = [];
  let bytes = 0;
  for (const { partition, blobs, startedAt } of plan) {
    for (const [index, blob] of blobs.entries()) {
      bytes += blob.length;
      if (planned.length > 0 && bytes > budgetBytes) return planned;
      planned.push({ blob, partition, startedAt, isLast: index === blobs.length - 1 });
    }
  }
  return planned;
}

/** Partitions of which nothing is left to read are read. */
function withoutEmpty(state: RotationState, plan: readonly PlannedPartition[]): RotationState {
  const readAt = [...state.readAt];
  let { partial } = state;
  for (const { partition, blobs, startedAt } of plan) {
    if (blobs.length > 0) continue;
    readAt[partition] = startedAt;
    if (partial?.partition === partition) partial = undefined;
  }
  return { ...state, readAt, partial };
}

/** The state once these blobs are read, too. */
function advanced(state: RotationState, read: readonly PlannedBlob[]): RotationState {
  const readAt = [...state.readAt];
  let { partial } = state;
  for (const { blob, partition, startedAt, isLast } of read) {
    if (isLast) readAt[partition] = startedAt;
    partial = isLast ? undefined : { partition, after: blob.id, startedAt };
  }
  return { ...state, readAt, partial };
}
