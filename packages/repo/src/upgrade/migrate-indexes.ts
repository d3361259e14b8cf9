import {
  abortOptions,
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../blob/storage.ts';
import { encodeHex } from '../bytes.ts';
import type { Clock, RandomSource } from '../clock.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import {
  compareIndexes,
  hasDifferences,
  type IndexDifferences,
} from '../content/indexblob/compare-indexes.ts';
import { IndexBlobFetcher } from '../content/indexblob/index-blob-fetcher.ts';
import { LegacyIndexReader } from '../content/indexblob/legacy-index-blobs.ts';
import { withoutLegacyPoison } from '../content/indexblob/legacy-poison.ts';
import { mergeIndexBlobs } from '../content/indexblob/merge-index-blobs.ts';
import type { PackIndex } from '../content/index/pack-index.ts';
import { uncompactedPrefix } from '../epoch/epoch-names.ts';
import { EpochStateReader } from '../epoch/epoch-state-reader.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import { DEFAULT_EPOCH_PARAMETERS } from '../format/epoch-parameters.ts';
import type { FormatManager } from '../format/format-manager.ts';
import type { EpochParameters } from '../format/parameters.ts';
import { forEachLimit } from '../parallel.ts';
import { OwnLock } from './own-lock.ts';

/** Everything about epochs has a name that begins so. */
const EPOCH_BLOBS_PREFIX = 'x';
const FETCH_PARALLELISM = 4;
/** A client that breaks the rules may go on writing; who goes on for so long is not waited for. */
const MAX_ATTEMPTS = 5;
const SET_ID_BYTES = 8;

export interface IndexMigrationOptions {
  readonly storage: BlobStorage;
  readonly formatManager: FormatManager;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Holds the upgrade lock where epochs are deleted. */
  readonly ownerID: string;
}

export interface MigratedIndexes {
  readonly inputs: readonly BlobMetadata[];
  readonly outputs: readonly BlobID[];
}

/** Index blobs of both styles in one repository, as an upgrade finds them. Only its owner uses it, under the lock. */
export class IndexMigration {
  readonly #options: IndexMigrationOptions;
  readonly #sealer: BlobSealer;
  readonly #fetcher: IndexBlobFetcher;
  readonly #legacy: LegacyIndexReader;

  private constructor(options: IndexMigrationOptions, sealer: BlobSealer, v1Overhead: number) {
    this.#options = options;
    this.#sealer = sealer;
    this.#fetcher = new IndexBlobFetcher({ storage: options.storage, sealer, v1Overhead });
    this.#legacy = new LegacyIndexReader(withoutLegacyPoison(options.storage), sealer);
  }

  static async open(options: IndexMigrationOptions): Promise<IndexMigration> {
    const { formatManager } = options;
    const kernel = await createContentKernel(formatManager.algorithms, formatManager.current());
    return new IndexMigration(options, new BlobSealer(kernel.parts), kernel.parts.cipher.overhead);
  }

  /**
   * Writes all entries of the legacy index blobs as the first set of epoch 0, and reads it back. What an earlier
   * attempt left is deleted first: contents that were dropped since would come back with it.
   */
  async migrate(options: AbortOptions): Promise<MigratedIndexes> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await this.deleteEpochBlobs(options);
      const { blobs: inputs } = await this.#legacy.loadActive(options);
      const outputs = await this.#writeFirstEpoch(inputs, options);
      const { blobs: seenAfterwards } = await this.#legacy.loadActive(options);
      if (!isSameSet(idsOf(inputs), idsOf(seenAfterwards))) continue;
      await this.#verify(inputs, outputs, options);
      return { inputs, outputs };
    }
    throw new LongshoreError(
      'STORAGE_FAILED',
      'somebody goes on writing legacy index blobs although the repository is locked: stop every other client, ' +
        'then begin again',
    );
  }

  /**
   * For a repository whose legacy index blobs are marked as outdated although its format has no epochs: the format is
   * an old one that was put back, and the epochs are what counts. CORRUPT_DATA if there are none.
   */
  async requireEpochs(options: AbortOptions): Promise<void> {
    const { blobs } = await this.#epochReader().loadActive(options);
    if (blobs.length > 0) return;
    throw noEpochs('the legacy index blobs are marked as outdated, and there are no newer ones');
  }

  /** CORRUPT_DATA if legacy index blobs have entries, and there are no epochs that could have them. */
  async requireMigrated(options: AbortOptions): Promise<void> {
    const { blobs: epochs } = await this.#epochReader().loadActive(options);
    if (epochs.length > 0) return;
    const { blobs: legacy } = await this.#legacy.loadActive(options);
    for (const { id } of legacy) {
      const { entryCount } = await this.#fetcher.fetch(id, options);
      if (entryCount > 0)
        throw noEpochs('the epochs that were made of the legacy index blobs are gone');
    }
  }

  /** What the legacy index blobs say, and what the epochs make of it. */
  async compare(options: AbortOptions): Promise<IndexDifferences> {
    const { blobs: legacy } = await this.#legacy.loadActive(options);
    const { blobs: epochs } = await this.#epochReader().loadActive(options);
    return compareIndexes(await this.#fetch(legacy, options), await this.#fetch(epochs, options));
  }

  /**
   * Only under the own lock and while the format has no epochs, as the storage says now and then: nothing of it counts
   * then. ABORTED or REPOSITORY_LOCKED without the lock, UNSUPPORTED with epochs.
   */
  async deleteEpochBlobs(options: AbortOptions): Promise<void> {
    const { storage } = this.#options;
    const lock = new OwnLock(this.#options);
    await this.#requireLegacyFormat(lock, options);
    for await (const { id } of storage.listBlobs(EPOCH_BLOBS_PREFIX, options)) {
      if (!lock.isFresh) await this.#requireLegacyFormat(lock, options);
      await storage.deleteBlob(id, options);
    }
  }

  async #requireLegacyFormat(lock: OwnLock, options: AbortOptions): Promise<void> {
    await lock.refresh(options);
    if (!this.#options.formatManager.current().epochParameters.enabled) return;
    throw new LongshoreError('UNSUPPORTED', 'index blobs of epochs that count are never deleted');
  }

  async #writeFirstEpoch(
    inputs: readonly BlobMetadata[],
    options: AbortOptions,
  ): Promise<readonly BlobID[]> {
    const { storage, random, formatManager } = this.#options;
    if (inputs.length === 0) return [];
    const version = formatManager.current().indexVersion;
    const files = await mergeIndexBlobs(this.#fetcher, inputs, { ...options, version });
    const setID = new Uint8Array(SET_ID_BYTES);
    random(setID);
    const suffix = `s${encodeHex(setID)}-c${files.length}`;
    const outputs: BlobID[] = [];
    for (const file of files) {
      options.signal?.throwIfAborted();
      const { id, bytes } = this.#sealer.seal(file, '', suffix);
      this.#fetcher.openFile(id, file);
      const blobID = parseBlobID(uncompactedPrefix(0) + id);
      await storage.putBlob(blobID, bytes, options);
      outputs.push(blobID);
    }
    return outputs;
  }

  async #verify(
    inputs: readonly BlobMetadata[],
    outputs: readonly BlobID[],
    options: AbortOptions,
  ): Promise<void> {
    const { blobs } = await this.#epochReader().loadActive(options);
    const differences = compareIndexes(
      await this.#fetch(inputs, options),
      await this.#fetch(blobs, options),
    );
    if (isSameSet(idsOf(blobs), outputs) && !hasDifferences(differences)) return;
    throw new CorruptDataError(
      'the migrated index is not what was written: the repository stays locked and as it was; begin again, or roll back',
    );
  }

  #epochReader(): EpochStateReader {
    const { storage, clock, formatManager } = this.#options;
    const parameters = (): EpochParameters => {
      const { epochParameters } = formatManager.current();
      return epochParameters.enabled ? epochParameters : DEFAULT_EPOCH_PARAMETERS;
    };
    return new EpochStateReader({ storage, clock, parameters });
  }

  async #fetch(
    blobs: readonly BlobMetadata[],
    { signal }: AbortOptions,
  ): Promise<readonly PackIndex[]> {
    const indexes: PackIndex[] = [];
    const limits = { parallelism: FETCH_PARALLELISM, ...abortOptions({ signal }) };
    await forEachLimit(blobs, limits, async ({ id }, fetchSignal) => {
      indexes.push(await this.#fetcher.fetch(id, { signal: fetchSignal }));
    });
    return indexes;
  }
}

function noEpochs(why: string): CorruptDataError {
  return new CorruptDataError(
    `${why}: if nobody has written since, take the upgrade back with ` +
      '`repository upgrade rollback --force`, then begin again',
  );
}

function idsOf(blobs: readonly BlobMetadata[]): readonly BlobID[] {
  return blobs.map(({ id }) => id);
}

function isSameSet(a: readonly BlobID[], b: readonly BlobID[]): boolean {
  const ids = new Set(a);
  return ids.size === new Set(b).size && b.every((id) => ids.has(id));
}
