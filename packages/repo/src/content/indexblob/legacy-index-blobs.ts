import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobStorage,
} from '../../blob/storage.ts';
import type { EpochNanoseconds, RandomSource } from '../../clock.ts';
import { hasCode, LongshoreError } from '../../errors.ts';
import type { MutableParameters } from '../../format/parameters.ts';
import type { ContentID } from '../content-id.ts';
import type { BlobSealer } from './blob-sealing.ts';
import {
  encodeCleanupList,
  encodeCompactionLog,
  parseCleanupList,
  parseCompactionLog,
} from './compaction-log.ts';
import type { IndexBlobFetcher } from './index-blob-fetcher.ts';
import { LEGACY_POISON_BLOB_ID } from './legacy-poison.ts';
import type { ActiveIndexes, ActiveIndexSource, IndexBlobWriter } from './index-blob-manager.ts';
import {
  replacedInputs,
  selectActiveLegacy,
  selectCountingLogs,
  selectForCompaction,
  SETTLE_TIME,
  type LegacySelectionOptions,
  type ListedLog,
} from './legacy-plans.ts';
import { mergeIndexBlobs } from './merge-index-blobs.ts';

const INDEX_PREFIX = 'n';
const LOG_PREFIX = 'm';
const CLEANUP_PREFIX = 'l';
const RANDOM_SUFFIX_LENGTH = 32;

/** Reads which legacy index blobs count. */
export class LegacyIndexReader implements ActiveIndexSource {
  readonly #storage: BlobReader;
  readonly #sealer: BlobSealer;

  constructor(storage: BlobReader, sealer: BlobSealer) {
    this.#storage = storage;
    this.#sealer = sealer;
  }

  async loadActive(options: AbortOptions = {}): Promise<ActiveIndexes> {
    // Index blobs first: a compaction that ends in between is then seen as not having happened.
    const indexBlobs = await this.list(INDEX_PREFIX, options);
    if (indexBlobs.some(({ id }) => id === LEGACY_POISON_BLOB_ID)) throw upgradedError();
    const logs = await this.readLogs(await this.list(LOG_PREFIX, options), options);
    return {
      blobs: selectActiveLegacy(indexBlobs, logs),
      deletionWatermarkSeconds: undefined,
    };
  }

  invalidate(): void {
    // Nothing is remembered.
  }

  async list(prefix: string, options: AbortOptions): Promise<BlobMetadata[]> {
    const blobs: BlobMetadata[] = [];
    for await (const blob of this.#storage.listBlobs(prefix, options)) blobs.push(blob);
    return blobs;
  }

  /** Logs that vanish meanwhile are left out. */
  async readLogs(
    blobs: readonly BlobMetadata[],
    options: AbortOptions,
  ): Promise<readonly ListedLog[]> {
    const logs: ListedLog[] = [];
    for (const blob of blobs) {
      const data = await this.read(blob.id, options);
      if (data === undefined) continue;
      logs.push({ blob, ...parseCompactionLog(data, `compaction log ${blob.id}`) });
    }
    return logs;
  }

  /** The plaintext of a blob; undefined if it is gone. */
  async read(id: BlobID, options: AbortOptions): Promise<Uint8Array | undefined> {
    try {
      return this.#sealer.open(id, await this.#storage.getBlob(id, options));
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

export interface LegacyIndexBlobsOptions {
  /** Puts blobs under the object lock that the repository asks for, if any. */
  readonly storage: BlobStorage;
  readonly sealer: BlobSealer;
  readonly fetcher: IndexBlobFetcher;
  readonly random: RandomSource;
  /** Asked anew each time: parameters change during a repository's life. */
  readonly parameters: () => MutableParameters;
}

export interface LegacyCompactionOptions extends AbortOptions, LegacySelectionOptions {
  /**
   * Leave out entries deleted before this (Unix seconds). All index blobs are merged then, whatever
   * their size: an older live entry in a blob left aside would come back.
   */
  readonly dropDeletedBeforeSeconds?: number;
  /** Leave out the entries of these contents as well, whatever needs them. */
  readonly dropContents?: ReadonlySet<ContentID>;
  /** How long what was merged stays; default: one hour. Less is safe only without other clients. */
  readonly settleTime?: EpochNanoseconds;
  /** Say what would be merged and deleted, but write and delete nothing. */
  readonly dryRun?: boolean;
  /** Called for each index blob and log that is deleted. */
  readonly onDelete?: (id: BlobID) => void;
}

export interface LegacyCompaction {
  readonly inputs: readonly BlobMetadata[];
  /** Empty in a dry run. */
  readonly outputs: readonly BlobMetadata[];
}

/** Index blobs without epochs: format version 1 that was not migrated. */
export class LegacyIndexBlobs implements IndexBlobWriter {
  readonly style = 'legacy';
  readonly #options: LegacyIndexBlobsOptions;
  readonly #reader: LegacyIndexReader;

  constructor(options: LegacyIndexBlobsOptions) {
    this.#options = options;
    this.#reader = new LegacyIndexReader(options.storage, options.sealer);
  }

  loadActive(options: AbortOptions = {}): Promise<ActiveIndexes> {
    return this.#reader.loadActive(options);
  }

  invalidate(): void {
    this.#reader.invalidate();
  }

  async writeIndexBlobs(
    files: readonly Uint8Array[],
    sessionID: string,
    options: AbortOptions = {},
  ): Promise<readonly BlobID[]> {
    const written: BlobID[] = [];
    for (const file of files) written.push(await this.#putIndex(file, sessionID, options));
    return written;
  }

  /** Merges index blobs if there are enough, and cleans up after earlier merges. Undefined if nothing was merged. */
  async compact(options: LegacyCompactionOptions = {}): Promise<LegacyCompaction | undefined> {
    const { dropDeletedBeforeSeconds, dropContents, dryRun = false } = options;
    const abort = abortOptions(options);
    const { blobs } = await this.loadActive(abort);
    const { maxPackSize } = this.#options.parameters();
    const dropping = dropDeletedBeforeSeconds !== undefined || dropContents !== undefined;
    const inputs = dropping ? blobs : selectForCompaction(blobs, maxPackSize, options);
    const worthwhile = inputs.length > 1 || (dropping && inputs.length > 0);
    let compaction: LegacyCompaction | undefined;
    if (worthwhile) {
      compaction = dryRun ? { inputs, outputs: [] } : await this.#merge(inputs, options);
      await this.#deleteReplaced(options);
    }
    await this.#deleteScheduledLogs(options);
    return compaction;
  }

  async #merge(
    inputs: readonly BlobMetadata[],
    options: LegacyCompactionOptions,
  ): Promise<LegacyCompaction> {
    const { fetcher, random, sealer, storage, parameters } = this.#options;
    const { dropDeletedBeforeSeconds, dropContents } = options;
    const abort = abortOptions(options);
    const randomSuffix = new Uint8Array(RANDOM_SUFFIX_LENGTH);
    random(randomSuffix);
    const version = parameters().indexVersion;
    const merge = { ...abort, version, randomSuffix, dropDeletedBeforeSeconds, dropContents };
    const files = await mergeIndexBlobs(fetcher, inputs, merge);
    const outputs: BlobMetadata[] = [];
    for (const file of files) {
      outputs.push(await storage.getMetadata(await this.#putIndex(file, '', abort), abort));
    }
    abort.signal?.throwIfAborted();
    const log = sealer.seal(encodeCompactionLog(inputs, outputs), LOG_PREFIX, '');
    await storage.putBlob(log.id, log.bytes, abort);
    return { inputs, outputs };
  }

  /** The file is opened once more first: what cannot be read back must not become part of the index. */
  async #putIndex(file: Uint8Array, suffix: string, options: AbortOptions): Promise<BlobID> {
    options.signal?.throwIfAborted();
    const { id, bytes } = this.#options.sealer.seal(file, INDEX_PREFIX, suffix);
    this.#options.fetcher.openFile(id, file);
    await this.#options.storage.putBlob(id, bytes, options);
    await this.#options.fetcher.remember(id, bytes);
    return id;
  }

  /**
   * Deletes index blobs whose replacement has been there for the settle time, and schedules the logs
   * that say so: a log must outlive the blobs that it replaces, or they would count again. The newest log,
   * which was just written, tells the storage's time.
   */
  async #deleteReplaced(options: LegacyCompactionOptions): Promise<void> {
    const abort = abortOptions(options);
    const logs = await this.#reader.readLogs(await this.#reader.list(LOG_PREFIX, abort), abort);
    const now = newestTimestamp(logs.map(({ blob }) => blob));
    const { settleTime = SETTLE_TIME, dryRun = false } = options;
    const old = logs.filter(({ blob }) => blob.timestamp <= now - settleTime);
    if (old.length === 0) return;
    const indexBlobs = await this.#reader.list(INDEX_PREFIX, abort);
    const counting = selectCountingLogs(logs, indexBlobs);
    await this.#deleteInOrder(replacedInputs(old.filter((log) => counting.has(log))), options);
    if (dryRun) return;
    // A log that does not count may do so again, when a listing that was short is complete: it stays as long as there
    // is an index blob that it replaces.
    const present = new Set(indexBlobs.map(({ id }) => id));
    const blobIDs = old
      .filter((log) => counting.has(log) || !log.inputs.some((id) => present.has(id)))
      .map(({ blob }) => blob.id);
    if (blobIDs.length === 0) return;
    const plaintext = encodeCleanupList({ blobIDs, scheduleTime: now });
    const list = this.#options.sealer.seal(plaintext, CLEANUP_PREFIX, '');
    await this.#options.storage.putBlob(list.id, list.bytes, abort);
  }

  async #deleteScheduledLogs(options: LegacyCompactionOptions): Promise<void> {
    const abort = abortOptions(options);
    const { settleTime = SETTLE_TIME } = options;
    const lists = await this.#reader.list(CLEANUP_PREFIX, abort);
    const newest = newestTimestamp(lists);
    for (const { id } of lists) {
      const data = await this.#reader.read(id, abort);
      if (data === undefined) continue;
      const { blobIDs, scheduleTime } = parseCleanupList(data, `cleanup list ${id}`);
      if (newest - scheduleTime < settleTime) continue;
      const logIDs = blobIDs.filter((blobID) => blobID.startsWith(LOG_PREFIX));
      await this.#deleteInOrder([...logIDs, id], options);
    }
  }

  async #deleteInOrder(ids: readonly BlobID[], options: LegacyCompactionOptions): Promise<void> {
    const { dryRun = false, onDelete } = options;
    for (const id of ids) {
      onDelete?.(id);
      if (!dryRun) await this.#options.storage.deleteBlob(id, abortOptions(options));
    }
  }
}

function upgradedError(): LongshoreError {
  return new LongshoreError(
    'UNSUPPORTED',
    'the indexes of this repository have been moved to epochs: open it again. If that is of no help, its format blob ' +
      'is older than its indexes: `repository upgrade begin` brings it up to date',
    { blobID: LEGACY_POISON_BLOB_ID },
  );
}

function newestTimestamp(blobs: readonly BlobMetadata[]): EpochNanoseconds {
  return blobs.reduce((newest, { timestamp }) => (timestamp > newest ? timestamp : newest), 0n);
}
