import {
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeHex, encodeUtf8 } from '../bytes.ts';
import type { Clock, EpochNanoseconds, RandomSource } from '../clock.ts';
import { invariant, LongshoreError } from '../errors.ts';
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
import {
  cleanupCutoff,
  epochToCompact,
  markersToDelete,
  rangesToMerge,
  rangeToCompact,
  shouldAdvance,
  supersededBlobs,
  watermarksToDelete,
} from './epoch-plans.ts';
import { selectEpochs, type IndexSelection } from './epoch-snapshot.ts';
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
    const marker = epochMarkerName(writeEpoch + 1);
    if (!dryRun) await this.#options.storage.putBlob(marker, encodeUtf8('epoch-marker'), abort);
    return { writeEpoch: writeEpoch + 1, advanced: true };
  }

  /** Merges the lowest settled epoch that is not merged yet. Undefined if there is none. */
  async compactSingleEpoch(
    merge: MergeIndexBlobs,
    options: EpochStepOptions = {},
  ): Promise<EpochCompaction | undefined> {
    const timed = await this.#state.current(options);
    const epoch = epochToCompact(timed.snapshot);
    if (epoch === undefined) return undefined;
    const selection: IndexSelection = { blobs: [], epochsToList: [epoch] };
    const range = { first: epoch, last: epoch };
    return this.#compact(
      { timed, selection, range, prefix: singleEpochPrefix(epoch) },
      merge,
      options,
    );
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
    const timed = await this.#state.current(options);
    const parameters = this.#options.parameters();
    const range = rangeToCompact(timed.snapshot, parameters);
    if (range === undefined) return this.#mergeRanges(timed, merge, options);
    const selection = selectEpochs(timed.snapshot, range);
    return this.#compact({ timed, selection, range, prefix: rangePrefix(range) }, merge, options);
  }

  async #mergeRanges(
    timed: TimedSnapshot,
    merge: MergeIndexBlobs,
    options: EpochStepOptions,
  ): Promise<EpochCompaction | undefined> {
    const ranges = rangesToMerge(timed.snapshot, this.#options.parameters());
    if (ranges === undefined) return undefined;
    const range = { first: ranges[0]!.first, last: ranges.at(-1)!.last };
    const selection = { blobs: ranges.flatMap(({ blobs }) => blobs), epochsToList: [] };
    return this.#compact({ timed, selection, range, prefix: rangePrefix(range) }, merge, options);
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
  async cleanupSuperseded(options: EpochStepOptions = {}): Promise<EpochCleanup> {
    const { snapshot } = await this.#state.current(options);
    const cutoff = cleanupCutoff(snapshot, this.#options.parameters());
    if (cutoff === undefined) return NO_CLEANUP;
    const blobs = supersededBlobs(snapshot, cutoff);
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
    plan: {
      readonly timed: TimedSnapshot;
      readonly selection: IndexSelection;
      readonly range: EpochRange;
      readonly prefix: string;
    },
    merge: MergeIndexBlobs,
    { dryRun = false, ...options }: EpochStepOptions,
  ): Promise<EpochCompaction | undefined> {
    const inputs = await this.#state.complete(plan.timed, plan.selection, options);
    // An expired snapshot may have missed a merged set whose inputs are being deleted: what is left of
    // them must not pass for the whole epoch. The next run tries again.
    if (inputs === undefined || inputs.length === 0) return undefined;
    if (dryRun) return { ...plan.range, inputs, outputs: [] };
    const files = await merge(inputs, options);
    invariant(files.length > 0, 'merging index blobs gave nothing');
    const suffix = this.#createSetSuffix(files.length);
    const outputs: BlobID[] = [];
    for (const file of files) {
      options.signal?.throwIfAborted();
      const { name, bytes } = this.#options.seal(file, suffix);
      const id = parseBlobID(plan.prefix + name);
      await this.#options.storage.putBlob(id, bytes, options);
      outputs.push(id);
    }
    return { ...plan.range, inputs, outputs };
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

function idsOf(blobs: Iterable<BlobMetadata>): readonly BlobID[] {
  return Array.from(blobs, ({ id }) => id);
}

function isUncompacted({ id }: BlobMetadata): boolean {
  return id.startsWith(UNCOMPACTED_PREFIX);
}
