import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobStorage,
} from './blob/storage.ts';
import { createSystemClock, webRandomSource, type Clock, type RandomSource } from './clock.ts';
import type { ContentInfo } from './content/content-info.ts';
import { createContentKernel } from './content/create-kernel.ts';
import { buildIndex } from './content/index/index-builder.ts';
import type { PackIndex } from './content/index/pack-index.ts';
import { recoverPackIndex } from './content/index/recover.ts';
import { BlobSealer } from './content/indexblob/blob-sealing.ts';
import { EpochIndexBlobs } from './content/indexblob/epoch-index-blobs.ts';
import { IndexBlobFetcher } from './content/indexblob/index-blob-fetcher.ts';
import type { IndexBlobManager } from './content/indexblob/index-blob-manager.ts';
import { LegacyIndexBlobs, LegacyIndexReader } from './content/indexblob/legacy-index-blobs.ts';
import { createSessionID } from './content/session-id.ts';
import type { EpochSnapshot } from './epoch/epoch-snapshot.ts';
import { EpochStateReader } from './epoch/epoch-state-reader.ts';
import type { FormatManager } from './format/format-manager.ts';
import type { EpochParameters } from './format/parameters.ts';
import { withRetention } from './format/retaining-storage.ts';

/** Index blobs of either style, and the markers and logs beside them. */
const EPOCH_PREFIXES = ['xn', 'xs', 'xr'];
const LEGACY_PREFIXES = ['n'];

export interface IndexInspectorOptions {
  readonly storage: BlobReader;
  readonly formatManager: FormatManager;
  readonly clock?: Clock;
}

/** Looks at the indexes of a repository one by one: for people who repair, not for the way of reading. */
export interface IndexInspector {
  /** The epoch that new index blobs belong to; undefined where the repository has no epochs. */
  writeEpoch(options?: AbortOptions): Promise<number | undefined>;
  /** All epochs as the storage has them now; undefined where the repository has none. */
  epochs(options?: AbortOptions): Promise<EpochSnapshot | undefined>;
  /** Index blobs that together hold every entry. */
  listActive(options?: AbortOptions): Promise<readonly BlobMetadata[]>;
  /** Every index blob, superseded ones too. */
  listAll(options?: AbortOptions): AsyncIterable<BlobMetadata>;
  /** Entries of an index blob, in key order. BLOB_NOT_FOUND, or CORRUPT_DATA if it does not open. */
  readEntries(id: BlobID, options?: AbortOptions): Promise<Iterable<ContentInfo>>;
  /** Entries that a pack itself keeps at its end. CORRUPT_DATA if it has none, or damaged ones. */
  recoverEntries(pack: BlobMetadata, options?: AbortOptions): Promise<Iterable<ContentInfo>>;
  /** Opens a blob that is sealed as a whole, such as an index. CORRUPT_DATA if it is none. */
  openSealed(id: BlobID, bytes: Uint8Array): Uint8Array;
}

export async function createIndexInspector(
  options: IndexInspectorOptions,
): Promise<IndexInspector> {
  const { storage, formatManager, clock = createSystemClock() } = options;
  const format = formatManager.current();
  const kernel = await createContentKernel(formatManager.algorithms, format);
  const sealer = new BlobSealer(kernel.parts);
  const v1Overhead = kernel.parts.cipher.overhead;
  const fetcher = new IndexBlobFetcher({ storage, sealer, v1Overhead });
  const hasEpochs = format.epochParameters.enabled;
  const parameters = (): EpochParameters => format.epochParameters;
  const epochs = hasEpochs ? new EpochStateReader({ storage, clock, parameters }) : undefined;
  const source = epochs ?? new LegacyIndexReader(storage, sealer);
  return {
    writeEpoch: async (abort) => (await epochs?.current(abort))?.snapshot.writeEpoch,
    epochs: async (abort) => (await epochs?.current(abort))?.snapshot,
    listActive: async (abort) => (await source.loadActive(abort)).blobs,
    async *listAll(abort) {
      for (const prefix of hasEpochs ? EPOCH_PREFIXES : LEGACY_PREFIXES) {
        yield* storage.listBlobs(prefix, abort);
      }
    },
    readEntries: async (id, abort) => entriesOf(await fetcher.fetch(id, abort)),
    recoverEntries: async (pack, abort) =>
      entriesOf(await recoverPackIndex(storage, pack, sealer, { ...abort, v1Overhead })),
    openSealed: (id, bytes) => sealer.open(id, bytes),
  };
}

function* entriesOf(index: PackIndex): Generator<ContentInfo, void, void> {
  for (let entry = 0; entry < index.entryCount; entry++) yield index.infoAt(entry);
}

export interface CommitRecoveredOptions extends AbortOptions {
  readonly storage: BlobStorage;
  readonly formatManager: FormatManager;
  readonly clock?: Clock;
  readonly random?: RandomSource;
}

/**
 * Writes entries that were recovered from packs as new index blobs. They keep their old times, so that they lose
 * against anything newer that an index still says. Returns the blobs.
 */
export async function commitRecoveredEntries(
  entries: Iterable<ContentInfo>,
  options: CommitRecoveredOptions,
): Promise<readonly BlobID[]> {
  const { formatManager, clock = createSystemClock(), random = webRandomSource } = options;
  const indexBlobs = await openIndexBlobs(options);
  const format = formatManager.current();
  const files = buildIndex(entries, { version: format.indexVersion });
  return indexBlobs.writeIndexBlobs(files, createSessionID(clock(), random), abortOptions(options));
}

/** What {@link closeIndexGaps} did. */
export interface ClosedIndexGaps {
  /** Entries that were found in index blobs which no longer count. */
  readonly entries: number;
  /** Epochs that had no index blob left. */
  readonly epochs: readonly number[];
}

/**
 * Ends what maintenance refuses, once everything that packs say has been committed: adds what only index blobs name
 * that were merged, and closes epochs of which no index blob is left. What they held and no pack says is given up.
 */
export async function closeIndexGaps(options: CommitRecoveredOptions): Promise<ClosedIndexGaps> {
  const abort = abortOptions(options);
  const indexBlobs = await openIndexBlobs(options);
  if (indexBlobs.style === 'legacy') return { entries: 0, epochs: [] };
  const epochs = await indexBlobs.closeLostEpochs(abort);
  const { entries } = await indexBlobs.findUnreplaced(abort);
  if (entries.length > 0) await commitRecoveredEntries(entries, options);
  return { entries: entries.length, epochs };
}

async function openIndexBlobs({
  formatManager,
  clock = createSystemClock(),
  random = webRandomSource,
  ...options
}: CommitRecoveredOptions): Promise<IndexBlobManager> {
  const { epochParameters } = formatManager.current();
  const kernel = await createContentKernel(formatManager.algorithms, formatManager.current());
  const sealer = new BlobSealer(kernel.parts);
  const storage = withRetention(options.storage, () => formatManager.blobConfiguration);
  const parts = {
    storage,
    sealer,
    fetcher: new IndexBlobFetcher({ storage, sealer, v1Overhead: kernel.parts.cipher.overhead }),
    clock,
    random,
    parameters: () => formatManager.current(),
  };
  return epochParameters.enabled ? new EpochIndexBlobs(parts) : new LegacyIndexBlobs(parts);
}
