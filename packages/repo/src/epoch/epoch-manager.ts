import {
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeHex, encodeUtf8 } from '../bytes.ts';
import type { Clock, EpochNanoseconds, RandomSource } from '../clock.ts';
import { CorruptDataError, hasCode, invariant, LongshoreError } from '../errors.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { forEachLimit } from '../parallel.ts';
import {
  epochMarkerName,
  rangePrefix,
  singleEpochPrefix,
  uncompactedPrefix,
  UNCOMPACTED_PREFIX,
  watermarkName,
  type EpochRange,
} from './epoch-names.ts';
import { findGaps, type EpochGaps } from './epoch-gaps.ts';
import {
  cleanupCutoff,
  epochToCompact,
  markersToDelete,
  rangesToMerge,
  rangeToCompact,
  shouldAdvance,
  watermarksToDelete,
} from './epoch-plans.ts';
import {
  isSamePlan,
  planRange,
  planSingleEpoch,
  refuseGaps,
  type MergePlan,
} from './merge-plan.ts';
import {
  cameTooLate,
  replacedBlobs,
  supersededBlobs,
  type ReplacedBlob,
} from './replaced-blobs.ts';
import {
  activeBlobs,
  lastRangedEpoch,
  selectEpochs,
  type EpochSnapshot,
} from './epoch-snapshot.ts';
import {
  EpochStateReader,
  type ActiveIndexBlobs,
  type TimedSnapshot,
} from './epoch-state-reader.ts';

/** Each attempt but the first means that an epoch or a refresh period went by while blobs were put. */
const MAX_WRITE_ATTEMPTS = 10;

/** A blob whose name lacks the epoch in front: `<hash>-<session or set>-c<N>`. */
export interface NamedIndexBlob {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface EpochManagerOptions {
  /** Puts blobs under the object lock that the repository asks for, if any. */
  readonly storage: BlobStorage;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly parameters: () => EpochParameters;
  /** Seals one index file; the name is the hash of its plaintext, `-` and the suffix. */
  readonly seal: (plaintext: Uint8Array, suffix: string) => NamedIndexBlob;
}

/** Merges index blobs into index files, keeping deleted entries. */
export type MergeIndexBlobs = (
  inputs: readonly BlobMetadata[],
  options: AbortOptions,
) => Promise<readonly Uint8Array[]>;

export interface EpochStepOptions extends AbortOptions {
  /** Say what the step would do, but write and delete nothing. */
  readonly dryRun?: boolean;
}

export interface EpochCompaction extends EpochRange {
  readonly inputs: readonly BlobMetadata[];
  /** Empty in a dry run. */
  readonly outputs: readonly BlobID[];
}

export interface EpochCleanup {
  /** Those that were deleted. */
  readonly blobs: readonly BlobMetadata[];
  /** What was replaced before this moment could go; undefined if the storage's time was unknown. */
  readonly cutoff: EpochNanoseconds | undefined;
}

/** Steps for which there is something to do. */
export interface DueSteps {
  readonly compactSingleEpoch: boolean;
  readonly compactRange: boolean;
  readonly cleanupMarkers: boolean;
  readonly cleanupSuperseded: boolean;
}

export interface ReplacedIndexBlobs {
  readonly replaced: readonly ReplacedBlob[];
  readonly active: readonly BlobMetadata[];
}

/**
 * Of index blobs that are about to be deleted, those that have to stay, because it is unknown what they hold. Throws if
 * one holds what nothing else does.
 */
export type FindNeeded = (
  blobs: ReplacedIndexBlobs,
  options: AbortOptions,
) => Promise<ReadonlySet<BlobID>>;

const NO_CLEANUP: EpochCleanup = { blobs: [], cutoff: undefined };

/**
 * Index blobs grouped in numbered epochs: writers add to the newest, settled ones get merged. Steps of
 * maintenance use the snapshot at hand while it is valid, so that one run sees one state.
 * Source: docs/format/index-blobs-and-epochs.md.
 */
export class EpochManager {
  readonly #options: EpochManagerOptions;
  readonly #state: EpochStateReader;

  constructor(options: EpochManagerOptions) {
    this.#options = options;
    this.#state = new EpochStateReader(options);
  }

  invalidate(): void {
    this.#state.invalidate();
  }

  loadActive(options: AbortOptions = {}): Promise<ActiveIndexBlobs> {
    return this.#state.loadActive(options);
  }

  /** The epoch that writers add to, as of a valid snapshot. */
  async writeEpoch(options: AbortOptions = {}): Promise<number> {
    const { snapshot } = await this.#state.current(options);
    return snapshot.writeEpoch;
  }

  /**
   * Adds index blobs to the write epoch. If two epochs begin before all are there they may be missing
   * from what was merged meanwhile: they are deleted again and STORAGE_FAILED is thrown; the caller may
   * write them anew. When it resolves the blobs are part of the index; their IDs are in the order of `blobs`.
   */
  async writeIndexBlobs(
    blobs: readonly NamedIndexBlob[],
    options: AbortOptions = {},
  ): Promise<readonly BlobID[]> {
    const remaining = (this.#options.parameters().epochRefreshFrequency * 3n) / 4n;
    const written = new Map<string, BlobID>();
    let epoch: number | undefined;
    for (let attempt = 0; attempt < MAX_WRITE_ATTEMPTS; attempt++) {
      const timed = await this.#state.current({ ...options, remaining });
      const { writeEpoch } = timed.snapshot;
      if (writeEpoch !== epoch) {
        await this.#deleteBlobs([...written.values()], options);
        written.clear();
        epoch = writeEpoch;
      }
      if (!(await this.#putInEpoch(timed, blobs, written, options))) continue;
      await this.#verifyEpochIsOpen(epoch, written, options);
      return blobs.map(({ name }) => written.get(name)!);
    }
    throw new LongshoreError(
      'STORAGE_FAILED',
      'index blobs could not be written within the epoch refresh frequency',
    );
  }

  /** Begins the next epoch if the current one is old and full enough. */
  async advanceEpoch(
    options: EpochStepOptions = {},
  ): Promise<{ readonly writeEpoch: number; readonly advanced: boolean }> {
    const { dryRun = false, ...abort } = options;
    const { snapshot } = await this.#state.current(abort);
    const { writeEpoch } = snapshot;
    if (!shouldAdvance(snapshot, this.#options.parameters()))
      return { writeEpoch, advanced: false };
    if (!dryRun) await this.#putMarker(writeEpoch + 1, abort);
    return { writeEpoch: writeEpoch + 1, advanced: true };
  }

  /** Merges the lowest settled epoch that is not merged yet. Undefined if there is none. */
  async compactSingleEpoch(
    merge: MergeIndexBlobs,
    options: EpochStepOptions = {},
  ): Promise<EpochCompaction | undefined> {
    return this.#compact(planSingleEpoch, merge, options);
  }

  /** What this client would do now beyond what quick maintenance does with Kopia. */
  async dueSteps(options: AbortOptions = {}): Promise<DueSteps> {
    const { snapshot } = await this.#state.current(options);
    const parameters = this.#options.parameters();
    const cutoff = cleanupCutoff(snapshot, parameters);
    return {
      compactSingleEpoch: epochToCompact(snapshot) !== undefined,
      compactRange:
        rangeToCompact(snapshot, parameters) !== undefined ||
        rangesToMerge(snapshot, parameters) !== undefined,
      cleanupMarkers: markersToDelete(snapshot).length > 0,
      cleanupSuperseded: cutoff !== undefined && supersededBlobs(snapshot, cutoff).length > 0,
    };
  }

  /**
   * Merges all settled epochs behind the ranges once there are enough, or else ranges once there are many. Undefined if
   * there are not.
   */
  async compactRange(
    merge: MergeIndexBlobs,
    options: EpochStepOptions = {},
  ): Promise<EpochCompaction | undefined> {
    const parameters = this.#options.parameters();
    return this.#compact((snapshot) => planRange(snapshot, parameters), merge, options);
  }

  /**
   * Closes the settled epochs that no index blob is left of, by one set for all that follow the ranges: what could be
   * found of them has been committed anew, and nothing more is expected. Returns the epochs.
   */
  async closeLostEpochs(
    merge: MergeIndexBlobs,
    options: AbortOptions = {},
  ): Promise<readonly number[]> {
    this.invalidate();
    const { lostMarker } = await this.findGaps(options);
    if (lostMarker !== undefined) await this.#putMarker(lostMarker, options);
    const { snapshot } = await this.#state.current(options);
    const { lostEpochs } = findGaps(snapshot);
    if (lostEpochs.length === 0) return [];
    const range = { first: lastRangedEpoch(snapshot) + 1, last: snapshot.writeEpoch - 2 };
    const { blobs, epochsToList } = selectEpochs(snapshot, range);
    const unmerged = epochsToList.flatMap((epoch) => snapshot.uncompacted.get(epoch) ?? []);
    const left = [...blobs, ...unmerged];
    // A set holds entries: where none are left, those that were written since.
    const inputs = left.length > 0 ? left : activeBlobs(snapshot);
    if (inputs.length === 0) {
      throw new CorruptDataError(
        'no index blob is left at all, and none could be recovered: there is nothing to close the lost epochs with',
      );
    }
    await this.#putSet(range, await merge(inputs, options), options);
    return lostEpochs;
  }

  /** What is missing by the names of index blobs. */
  async findGaps(options: AbortOptions = {}): Promise<EpochGaps> {
    const { snapshot } = await this.#state.current(options);
    return findGaps(snapshot);
  }

  /** Index blobs that no longer count but are there, each with what counts in its place, and all those that count. */
  async listReplaced(options: AbortOptions = {}): Promise<ReplacedIndexBlobs> {
    const { snapshot } = await this.#state.current(options);
    return { replaced: onTime(replacedBlobs(snapshot)), active: activeBlobs(snapshot) };
  }

  /** Moves the deletion watermark forward; false if it is beyond `seconds` already. */
  async advanceDeletionWatermark(
    seconds: number,
    options: EpochStepOptions = {},
  ): Promise<boolean> {
    if (!Number.isSafeInteger(seconds) || seconds < 0) {
      throw new LongshoreError('INVALID_ARGUMENT', `deletion watermark ${seconds}`);
    }
    const { dryRun = false, ...abort } = options;
    const { snapshot } = await this.#state.current(abort);
    if (seconds < (snapshot.deletionWatermarkSeconds ?? 0)) return false;
    if (dryRun) return true;
    const payload = encodeUtf8('deletion-watermark');
    await this.#options.storage.putBlob(watermarkName(seconds), payload, abort);
    this.invalidate();
    return true;
  }

  /** Deletes markers and watermarks that no reader needs any more. */
  async cleanupMarkers(options: EpochStepOptions = {}): Promise<EpochCleanup> {
    const { snapshot } = await this.#state.current(options);
    const cutoff = cleanupCutoff(snapshot, this.#options.parameters());
    if (cutoff === undefined) return NO_CLEANUP;
    const blobs = [...markersToDelete(snapshot), ...watermarksToDelete(snapshot, cutoff)];
    return this.#cleanUp(blobs, cutoff, options);
  }

  /** Deletes index blobs that a merged set has replaced, if it has been complete for the safety margin. */
  async cleanupSuperseded(keep: FindNeeded, options: EpochStepOptions = {}): Promise<EpochCleanup> {
    const { snapshot } = await this.#state.current(options);
    const cutoff = cleanupCutoff(snapshot, this.#options.parameters());
    if (cutoff === undefined) return NO_CLEANUP;
    const superseded = supersededBlobs(snapshot, cutoff);
    const replaced = { replaced: onTime(superseded), active: activeBlobs(snapshot) };
    const kept = superseded.length === 0 ? new Set() : await keep(replaced, options);
    const blobs = superseded.flatMap(({ blob }) => (kept.has(blob.id) ? [] : [blob]));
    await this.#cleanUp(blobs.filter(isUncompacted), cutoff, options);
    const sets = blobs.filter((blob) => !isUncompacted(blob));
    await this.#cleanUp(sets, cutoff, options);
    return { blobs, cutoff };
  }

  async #cleanUp(
    blobs: readonly BlobMetadata[],
    cutoff: EpochNanoseconds,
    { dryRun = false, ...abort }: EpochStepOptions,
  ): Promise<EpochCleanup> {
    if (!dryRun) await this.#deleteBlobs(idsOf(blobs), abort);
    return { blobs, cutoff };
  }

  /** Puts what is not there yet. False if the snapshot expired before all was put. */
  async #putInEpoch(
    timed: TimedSnapshot,
    blobs: readonly NamedIndexBlob[],
    written: Map<string, BlobID>,
    options: AbortOptions,
  ): Promise<boolean> {
    const prefix = uncompactedPrefix(timed.snapshot.writeEpoch);
    for (const { name, bytes } of blobs) {
      if (written.has(name)) continue;
      options.signal?.throwIfAborted();
      if (!this.#state.isValid(timed)) return false;
      const id = parseBlobID(prefix + name);
      await this.#options.storage.putBlob(id, bytes, options);
      written.set(name, id);
    }
    return true;
  }

  /** Writers may be late by one epoch: what is merged is at least two behind. */
  async #verifyEpochIsOpen(
    epoch: number,
    written: ReadonlyMap<string, BlobID>,
    options: AbortOptions,
  ): Promise<void> {
    // What was just written is in no snapshot yet.
    this.invalidate();
    const writeEpoch = await this.#state.readWriteEpoch(options);
    if (writeEpoch < epoch + 2) return;
    await this.#deleteBlobs([...written.values()], options);
    throw new LongshoreError(
      'STORAGE_FAILED',
      `index blobs of epoch ${epoch} were written too slowly: epoch ${writeEpoch} has begun`,
    );
  }

  async #compact(
    planOf: (snapshot: EpochSnapshot) => MergePlan | undefined,
    merge: MergeIndexBlobs,
    { dryRun = false, ...options }: EpochStepOptions,
  ): Promise<EpochCompaction | undefined> {
    const timed = await this.#state.current(options);
    const plan = planOf(timed.snapshot);
    if (plan === undefined) return undefined;
    const again = await this.#state.lookAgain(timed, options);
    const confirmed = again === undefined ? undefined : planOf(again);
    // An expired snapshot, or a short listing, may lack a merged set whose inputs are being deleted: what is left of
    // them must not pass for the whole epoch. The next run tries again.
    if (again === undefined || confirmed === undefined || !isSamePlan(plan, confirmed)) {
      this.invalidate();
      return undefined;
    }
    const { range, selection } = plan;
    const written = await this.#writtenIn(selection.epochsToList, timed.snapshot, again, options);
    const inputs = [...selection.blobs, ...written];
    refuseGaps(range, inputs);
    if (dryRun) return { ...range, inputs, outputs: [] };
    const outputs = await this.#putSet(range, await merge(inputs, options), options);
    return { ...range, inputs, outputs };
  }

  /** What either of two listings shows, unless it is gone: one of them may be short. */
  async #writtenIn(
    epochs: readonly number[],
    first: EpochSnapshot,
    second: EpochSnapshot,
    options: AbortOptions,
  ): Promise<readonly BlobMetadata[]> {
    const written: BlobMetadata[] = [];
    for (const epoch of epochs) {
      const later = second.uncompacted.get(epoch) ?? [];
      written.push(...later);
      const seen = new Set(idsOf(later));
      for (const blob of first.uncompacted.get(epoch) ?? []) {
        if (!seen.has(blob.id) && (await this.#isThere(blob.id, options))) written.push(blob);
      }
    }
    return written;
  }

  async #isThere(id: BlobID, options: AbortOptions): Promise<boolean> {
    try {
      await this.#options.storage.getMetadata(id, options);
      return true;
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return false;
      throw error;
    }
  }

  /** Stores one merged set. Whatever comes next has to see it. */
  async #putSet(
    range: EpochRange,
    files: readonly Uint8Array[],
    options: AbortOptions,
  ): Promise<readonly BlobID[]> {
    invariant(files.length > 0, 'merging index blobs gave nothing');
    const prefix = range.first === range.last ? singleEpochPrefix(range.first) : rangePrefix(range);
    const suffix = this.#createSetSuffix(files.length);
    const outputs: BlobID[] = [];
    for (const file of files) {
      options.signal?.throwIfAborted();
      const { name, bytes } = this.#options.seal(file, suffix);
      const id = parseBlobID(prefix + name);
      await this.#options.storage.putBlob(id, bytes, options);
      outputs.push(id);
    }
    this.invalidate();
    return outputs;
  }

  async #putMarker(epoch: number, options: AbortOptions): Promise<void> {
    const payload = encodeUtf8('epoch-marker');
    await this.#options.storage.putBlob(epochMarkerName(epoch), payload, options);
    // The next step looks twice, and would find another epoch than before.
    this.invalidate();
  }

  #createSetSuffix(count: number): string {
    const bytes = new Uint8Array(8);
    this.#options.random(bytes);
    return `s${encodeHex(bytes)}-c${count}`;
  }

  async #deleteBlobs(ids: readonly BlobID[], options: AbortOptions): Promise<void> {
    const parallelism = Math.max(1, this.#options.parameters().deleteParallelism);
    await forEachLimit(ids, { ...options, parallelism }, (id, signal) =>
      this.#options.storage.deleteBlob(id, { signal }),
    );
  }
}

function onTime(blobs: readonly ReplacedBlob[]): readonly ReplacedBlob[] {
  return blobs.filter((replaced) => !cameTooLate(replaced));
}

function idsOf(blobs: Iterable<BlobMetadata>): readonly BlobID[] {
  return Array.from(blobs, ({ id }) => id);
}

function isUncompacted({ id }: BlobMetadata): boolean {
  return id.startsWith(UNCOMPACTED_PREFIX);
}
