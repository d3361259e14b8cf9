import { createSplitter } from '@longshore/chunker';
import type { Algorithms } from './algorithms.ts';
import {
  abortOptions,
  type AbortOptions,
  type BlobReader,
  type BlobStorage,
} from './blob/storage.ts';
import {
  createSystemClock,
  systemSleep,
  webRandomSource,
  type Clock,
  type RandomSource,
  type Sleep,
} from './clock.ts';
import { CommittedContents } from './content/committed-contents.ts';
import type { ContentCache } from './content/content-cache.ts';
import type { ContentEngineFactory } from './content/content-engine.ts';
import { ContentFetcher } from './content/content-fetcher.ts';
import type { ContentInfo } from './content/content-info.ts';
import type { ContentKernel } from './content/content-kernel.ts';
import { compressorTable, createContentKernel } from './content/create-kernel.ts';
import { inThreadEngine } from './content/in-thread-engine.ts';
import { BlobSealer } from './content/indexblob/blob-sealing.ts';
import { EpochIndexBlobs } from './content/indexblob/epoch-index-blobs.ts';
import { IndexBlobFetcher } from './content/indexblob/index-blob-fetcher.ts';
import type {
  ActiveIndexSource,
  IndexBlobManager,
} from './content/indexblob/index-blob-manager.ts';
import { refuseOtherIndexStyle } from './content/indexblob/index-style.ts';
import { LegacyIndexBlobs, LegacyIndexReader } from './content/indexblob/legacy-index-blobs.ts';
import { LoadedIndexes } from './content/indexblob/loaded-indexes.ts';
import { EpochStateReader } from './epoch/epoch-state-reader.ts';
import type { FormatCache } from './format/format-cache.ts';
import { openFormat, type FormatManager } from './format/format-manager.ts';
import { withRetention } from './format/retaining-storage.ts';
import { slotSizeFor } from './object/object-writer.ts';
import {
  OpenRepository,
  OpenWritableRepository,
  repositorySplitter,
  type ClientIdentity,
  type RepositoryParts,
} from './repository.ts';

/** Packs on their way to the storage at once, where the caller does not say. */
const DEFAULT_PARALLEL_UPLOADS = 2;

export interface OpenOptions<S extends BlobReader = BlobReader> extends AbortOptions {
  readonly storage: S;
  readonly password: string;
  /** Default: `portableAlgorithms()`. */
  readonly algorithms?: Algorithms;
  /** Default: everything on the calling thread. `nativeEngine()` of `@longshore/repo/node` uses all processors. */
  readonly engine?: ContentEngineFactory;
  /** Keeps index blobs and directory contents near. */
  readonly cache?: ContentCache;
  /** Keeps the format blobs near, for as long as a client may rely on them. */
  readonly formatCache?: FormatCache;
  readonly clock?: Clock;
  readonly random?: RandomSource;
  readonly sleep?: Sleep;
  /** Who writes, for session markers. Default: `longshore@localhost`. */
  readonly identity?: ClientIdentity;
  /** Packs on their way to the storage at once, 1 or more; each takes a pack buffer. Default: the engine's plan, else 2. */
  readonly parallelUploads?: number;
  /** This client holds the upgrade lock under this name. */
  readonly upgradeOwnerID?: string;
  /** A content that error correction had to mend. */
  readonly onRepaired?: (info: ContentInfo) => void;
}

/**
 * Opens a repository; what the storage can do decides what the repository can do. Fails with
 * REPOSITORY_NOT_INITIALIZED, INVALID_PASSWORD, REPOSITORY_LOCKED or UNSUPPORTED.
 */
export function openRepository(options: OpenOptions<BlobStorage>): Promise<OpenWritableRepository>;
export function openRepository(options: OpenOptions): Promise<OpenRepository>;
export async function openRepository(
  options: OpenOptions,
): Promise<OpenRepository | OpenWritableRepository> {
  const algorithms = await algorithmsOf(options);
  const clock = options.clock ?? createSystemClock();
  const formatManager = await openFormat({
    storage: options.storage,
    password: options.password,
    algorithms,
    clock,
    upgradeOwnerID: options.upgradeOwnerID,
    cache: options.formatCache,
    ...abortOptions(options),
  });
  const parts = { ...options, algorithms, clock };
  const wasRemembered = formatManager.isRemembered;
  try {
    return await openWithFormat(formatManager, parts);
  } catch (error) {
    if (!wasRemembered) throw error;
    // The storage may have another format by now, an upgraded one for instance: what it says today decides.
    await formatManager.refresh(abortOptions(options));
    return openWithFormat(formatManager, parts);
  }
}

async function algorithmsOf({ algorithms }: OpenOptions): Promise<Algorithms> {
  if (algorithms !== undefined) return algorithms;
  const { portableAlgorithms } = await import('./portable-algorithms.ts');
  return portableAlgorithms();
}

/** The rest of opening, once the format is known: what creation shares. */
export async function openWithFormat(
  formatManager: FormatManager,
  options: OpenOptions & { readonly algorithms: Algorithms; readonly clock: Clock },
): Promise<OpenRepository | OpenWritableRepository> {
  const { algorithms, clock, storage } = options;
  const random = options.random ?? webRandomSource;
  const format = formatManager.current();
  const kernel = await createContentKernel(algorithms, format);
  const { engine: createEngine = inThreadEngine } = options;
  const minimumSlotSize = slotSizeFor(createSplitter(repositorySplitter(format.splitter)));
  const writes = isWritable(storage);
  const engine = await createEngine({ format, algorithms, kernel, writes, minimumSlotSize });
  try {
    const sealer = new BlobSealer(kernel.parts);
    const target = isWritable(storage)
      ? withRetention(storage, () => formatManager.blobConfiguration)
      : undefined;
    const environment = { formatManager, kernel, sealer, clock, random };
    const indexFetcher = indexBlobFetcher(options, environment);
    const indexBlobs =
      target === undefined
        ? indexBlobSource(storage, environment)
        : indexBlobManager(target, indexFetcher, environment);
    const committed: CommittedContents = new CommittedContents({
      storage,
      fetcher: new ContentFetcher({
        storage,
        preparer: engine.preparer,
        cache: options.cache,
        relocate: (id) => committed.relocate(id),
        onRepaired: options.onRepaired,
      }),
      indexes: new LoadedIndexes({
        source: indexBlobs,
        fetcher: indexFetcher,
        sleep: options.sleep ?? systemSleep,
      }),
      indexBlobs,
      format: () => formatManager.current(),
      clock,
      beforeCommit: (abort) => refuseOutdatedCommit(formatManager, indexBlobs, abort),
    });
    await loadIndex(committed, formatManager, abortOptions(options));
    const compressors = compressorTable(algorithms);
    const parts: RepositoryParts = {
      formatManager,
      kernel,
      sealer,
      engine,
      committed,
      compressors,
      clock,
      random,
    };
    if (target === undefined) return new OpenRepository(parts);
    return new OpenWritableRepository({
      ...parts,
      storage: target,
      indexBlobs: indexBlobs as IndexBlobManager,
      identity: options.identity ?? { userName: 'longshore', hostName: 'localhost' },
      parallelUploads:
        options.parallelUploads ?? engine.plan?.parallelUploads ?? DEFAULT_PARALLEL_UPLOADS,
      packBuffers: options.parallelUploads === undefined ? engine.plan?.packBuffers : undefined,
    });
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Loads the index for the first time. A format out of a cache says nothing about what the storage holds today: where
 * the index is empty the storage is asked whether this is still the repository. UNSUPPORTED if it has an index of
 * another style.
 */
async function loadIndex(
  committed: CommittedContents,
  formatManager: FormatManager,
  options: AbortOptions,
): Promise<void> {
  const style = formatManager.current().epochParameters.enabled ? 'epoch' : 'legacy';
  await committed.refresh(options);
  if (!formatManager.isRemembered) return;
  for (const _ of committed.iterateContents({ includeDeleted: true })) return;
  await formatManager.refresh(options);
  refuseOtherIndexStyle(formatManager, { style });
}

interface IndexEnvironment {
  readonly formatManager: FormatManager;
  readonly kernel: ContentKernel;
  readonly sealer: BlobSealer;
  readonly clock: Clock;
  readonly random: RandomSource;
}

function indexBlobFetcher(
  { storage, cache }: OpenOptions,
  { kernel, sealer }: IndexEnvironment,
): IndexBlobFetcher {
  return new IndexBlobFetcher({
    storage,
    sealer,
    v1Overhead: kernel.parts.cipher.overhead,
    cache,
  });
}

function indexBlobManager(
  storage: BlobStorage,
  fetcher: IndexBlobFetcher,
  { formatManager, sealer, clock, random }: IndexEnvironment,
): IndexBlobManager {
  const options = {
    storage,
    sealer,
    fetcher,
    clock,
    random,
    parameters: () => formatManager.current(),
  };
  return formatManager.current().epochParameters.enabled
    ? new EpochIndexBlobs(options)
    : new LegacyIndexBlobs(options);
}

function indexBlobSource(
  storage: BlobReader,
  { formatManager, sealer, clock }: IndexEnvironment,
): ActiveIndexSource {
  if (!formatManager.current().epochParameters.enabled) {
    return new LegacyIndexReader(storage, sealer);
  }
  const parameters = () => formatManager.current().epochParameters;
  return new EpochStateReader({ storage, clock, parameters });
}

/** A client may have slept through an upgrade: index blobs of the old style would count for nobody. */
async function refuseOutdatedCommit(
  formatManager: FormatManager,
  indexBlobs: ActiveIndexSource | IndexBlobManager,
  options: AbortOptions,
): Promise<void> {
  await formatManager.refreshIfStale(options);
  if ('style' in indexBlobs) refuseOtherIndexStyle(formatManager, indexBlobs);
}

function isWritable(storage: BlobReader): storage is BlobStorage {
  return 'putBlob' in storage;
}
