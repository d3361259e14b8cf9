import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../../blob/storage.ts';
import type { Clock, RandomSource } from '../../clock.ts';
import {
  EpochManager,
  type DueSteps,
  type EpochCleanup,
  type EpochCompaction,
  type EpochStepOptions,
  type MergeIndexBlobs,
  type NamedIndexBlob,
} from '../../epoch/epoch-manager.ts';
import type { EpochGaps } from '../../epoch/epoch-gaps.ts';
import type { MutableParameters } from '../../format/parameters.ts';
import type { BlobSealer } from './blob-sealing.ts';
import type { IndexBlobFetcher } from './index-blob-fetcher.ts';
import type { ActiveIndexes, IndexBlobWriter } from './index-blob-manager.ts';
import { mergeIndexBlobs } from './merge-index-blobs.ts';
import {
  refuseUnreplaced,
  UnreplacedEntryFinder,
  type UnreplacedEntries,
} from './unreplaced-entries.ts';

export interface EpochIndexBlobsOptions {
  /** Puts blobs under the object lock that the repository asks for, if any. */
  readonly storage: BlobStorage;
  readonly sealer: BlobSealer;
  readonly fetcher: IndexBlobFetcher;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Asked anew each time: parameters change during a repository's life. */
  readonly parameters: () => MutableParameters;
}

/** Index blobs in epochs: format versions 2 and 3, and version 1 once migrated. */
export class EpochIndexBlobs implements IndexBlobWriter {
  readonly style = 'epoch';
  readonly #options: EpochIndexBlobsOptions;
  readonly #epochs: EpochManager;

  constructor(options: EpochIndexBlobsOptions) {
    this.#options = options;
    this.#epochs = new EpochManager({
      storage: options.storage,
      clock: options.clock,
      random: options.random,
      parameters: () => options.parameters().epochParameters,
      seal: (plaintext, suffix) => this.#seal(plaintext, suffix),
    });
  }

  loadActive(options: AbortOptions = {}): Promise<ActiveIndexes> {
    return this.#epochs.loadActive(options);
  }

  invalidate(): void {
    this.#epochs.invalidate();
  }

  async writeIndexBlobs(
    files: readonly Uint8Array[],
    sessionID: string,
    options: AbortOptions = {},
  ): Promise<readonly BlobID[]> {
    const suffix = `${sessionID}-c${files.length}`;
    const sealed = files.map((file) => this.#seal(file, suffix));
    const written = await this.#epochs.writeIndexBlobs(sealed, options);
    for (const [index, id] of written.entries()) {
      await this.#options.fetcher.remember(id, sealed[index]!.bytes);
    }
    return written;
  }

  writeEpoch(options: AbortOptions = {}): Promise<number> {
    return this.#epochs.writeEpoch(options);
  }

  advanceEpoch(
    options: EpochStepOptions = {},
  ): Promise<{ readonly writeEpoch: number; readonly advanced: boolean }> {
    return this.#epochs.advanceEpoch(options);
  }

  compactSingleEpoch(options: EpochStepOptions = {}): Promise<EpochCompaction | undefined> {
    return this.#epochs.compactSingleEpoch(this.#merge, options);
  }

  dueSteps(options: AbortOptions = {}): Promise<DueSteps> {
    return this.#epochs.dueSteps(options);
  }

  compactRange(options: EpochStepOptions = {}): Promise<EpochCompaction | undefined> {
    return this.#epochs.compactRange(this.#merge, options);
  }

  advanceDeletionWatermark(seconds: number, options: EpochStepOptions = {}): Promise<boolean> {
    return this.#epochs.advanceDeletionWatermark(seconds, options);
  }

  cleanupMarkers(options: EpochStepOptions = {}): Promise<EpochCleanup> {
    return this.#epochs.cleanupMarkers(options);
  }

  cleanupSuperseded(options: EpochStepOptions = {}): Promise<EpochCleanup> {
    return this.#epochs.cleanupSuperseded(async ({ replaced, active }, abort) => {
      const finder = this.#entryFinder(active, false, abort);
      const found = await finder.find(replaced);
      refuseUnreplaced(found);
      return found.unreadable;
    }, options);
  }

  /** What is missing by the names of index blobs; no request while the view at hand is valid. */
  findGaps(options: AbortOptions = {}): Promise<EpochGaps> {
    return this.#epochs.findGaps(options);
  }

  /** Live entries that only index blobs name which were merged, and not what they were merged into. */
  async findUnreplaced(options: AbortOptions = {}): Promise<UnreplacedEntries> {
    const { replaced, active } = await this.#epochs.listReplaced(options);
    return this.#entryFinder(active, true, options).find(replaced);
  }

  /** Makes gaps pass for closed: everything that could be found of them has been committed anew. Returns the epochs. */
  closeLostEpochs(options: AbortOptions = {}): Promise<readonly number[]> {
    return this.#epochs.closeLostEpochs(this.#merge, options);
  }

  #entryFinder(
    active: readonly BlobMetadata[],
    trustsCache: boolean,
    { signal }: AbortOptions,
  ): UnreplacedEntryFinder {
    const { storage, fetcher } = this.#options;
    const abort = abortOptions({ signal });
    return new UnreplacedEntryFinder({ storage, fetcher, active, trustsCache }, abort);
  }

  readonly #merge: MergeIndexBlobs = (inputs, options) =>
    mergeIndexBlobs(this.#options.fetcher, inputs, {
      ...options,
      version: this.#options.parameters().indexVersion,
    });

  /** The file is opened once more first: what cannot be read back must not become part of the index. */
  #seal(file: Uint8Array, suffix: string): NamedIndexBlob {
    const { id, bytes } = this.#options.sealer.seal(file, '', suffix);
    this.#options.fetcher.openFile(id, file);
    return { name: id, bytes };
  }
}
