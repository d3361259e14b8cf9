import { createFaultyStorage, type FaultyStorage } from '../blob/faulty-storage.ts';
import { createManualTime, type ManualTime } from '../blob/manual-time.ts';
import { createMemoryStorage, type MemoryStorage } from '../blob/memory-storage.ts';
import { createSeededRandom } from '../blob/seeded-random.ts';
import { abortOptions, type BlobStorage } from '../blob/storage.ts';
import type { RandomSource } from '../clock.ts';
import { DEFAULT_EPOCH_PARAMETERS, DISABLED_EPOCH_PARAMETERS } from '../format/epoch-parameters.ts';
import type { FormatVersion, RepositoryFormat } from '../format/parameters.ts';
import { portableAlgorithms } from '../portable-algorithms.ts';
import type { CompressorTable } from '../compression/compressor-table.ts';
import { CommittedContents } from './committed-contents.ts';
import type { ContentCache } from './content-cache.ts';
import { ContentFetcher } from './content-fetcher.ts';
import type { ContentKernel } from './content-kernel.ts';
import type { ContentPreparer } from './content-preparer.ts';
import { compressorTable, createContentKernel } from './create-kernel.ts';
import { createInThreadPreparer, createSlotPool } from './in-thread-preparer.ts';
import { BlobSealer } from './indexblob/blob-sealing.ts';
import { EpochIndexBlobs } from './indexblob/epoch-index-blobs.ts';
import { IndexBlobFetcher } from './indexblob/index-blob-fetcher.ts';
import { LegacyIndexBlobs } from './indexblob/legacy-index-blobs.ts';
import { LoadedIndexes } from './indexblob/loaded-indexes.ts';
import { PackBuffers, PackWriter } from './pack-writer.ts';
import { SessionContents } from './session-contents.ts';
import { createSessionID } from './session-id.ts';
import { deleteSessionMarkers, putSessionMarker } from './write-session.ts';

const DEFAULT_SLOT_SIZE = 16 * 1024;
const SECRET = new Uint8Array(32).fill(1);
const MASTER_KEY = new Uint8Array(32).fill(2);

/** Copies of format blobs that old repositories put in front of packs. */
const REPLICA = new Uint8Array(1000).fill(3);

export interface ContentWorldOptions {
  /** Default 3. */
  readonly version?: FormatVersion;
  /** Bytes; far below what real repositories may have, so that packs fill up. Default 64 KiB. */
  readonly maxPackSize?: number;
  readonly seed?: number;
  readonly eccOverheadPercent?: number;
}

export interface ClientOptions {
  readonly cache?: ContentCache;
  /** Default 4. */
  readonly slotCount?: number;
  /** Bytes. Default 16 KiB. */
  readonly slotSize?: number;
  /** Puts something around the storage of this client. */
  readonly around?: (storage: BlobStorage) => BlobStorage;
  readonly aroundPreparer?: (preparer: ContentPreparer) => ContentPreparer;
}

export interface WriterOptions {
  readonly parallelUploads?: number;
  readonly packBuffers?: number;
  readonly signal?: AbortSignal;
  readonly onHashed?: (length: number, duplicate: boolean) => void;
}

/** One process with the repository open: its view of the index, and its writers. */
export interface ContentClient {
  readonly committed: CommittedContents;
  readonly compressors: CompressorTable;
  newWriter(options?: WriterOptions): SessionContents;
}

/** For tests: the content layer of a repository over a storage in memory, with the clock and chance in hand. */
export interface ContentWorld {
  readonly time: ManualTime;
  readonly memory: MemoryStorage;
  /** In front of `memory`. */
  readonly storage: FaultyStorage;
  readonly format: RepositoryFormat;
  readonly kernel: ContentKernel;
  readonly sealer: BlobSealer;
  openClient(options?: ClientOptions): Promise<ContentClient>;
  blobIDs(prefix?: string): Promise<string[]>;
}

export async function createContentWorld(options: ContentWorldOptions = {}): Promise<ContentWorld> {
  const time = createManualTime();
  const memory = createMemoryStorage({ clock: time.clock });
  const storage = createFaultyStorage(memory, { sleep: time.sleep });
  const random = seededRandomSource(options.seed ?? 1);
  const format = worldFormat(options);
  const algorithms = portableAlgorithms({ random });
  const kernel = await createContentKernel(algorithms, format);
  const sealer = new BlobSealer(kernel.parts);
  const compressors = compressorTable(algorithms);

  async function openClient(client: ClientOptions = {}): Promise<ContentClient> {
    const own = client.around?.(storage) ?? storage;
    const { slotSize = DEFAULT_SLOT_SIZE, slotCount = 4 } = client;
    const slots = createSlotPool({ slotSize, count: slotCount });
    const inThread = createInThreadPreparer(kernel, slots);
    const preparer = client.aroundPreparer?.(inThread) ?? inThread;
    const { cache } = client;
    const fetcher = new IndexBlobFetcher({
      storage: own,
      sealer,
      v1Overhead: kernel.parts.cipher.overhead,
      cache,
    });
    const parts = { storage: own, sealer, fetcher, clock: time.clock, random };
    const parameters = (): RepositoryFormat => format;
    const indexBlobs = format.epochParameters.enabled
      ? new EpochIndexBlobs({ ...parts, parameters })
      : new LegacyIndexBlobs({ ...parts, parameters });
    const committed = new CommittedContents({
      storage: own,
      fetcher: new ContentFetcher({ storage: own, preparer, cache }),
      indexes: new LoadedIndexes({ source: indexBlobs, fetcher, sleep: time.sleep }),
      indexBlobs,
      format: parameters,
      clock: time.clock,
    });
    await committed.refresh();

    function newWriter(writer: WriterOptions = {}): SessionContents {
      const buffers = new PackBuffers({
        parallelUploads: writer.parallelUploads ?? 1,
        count: writer.packBuffers,
        capacity: format.maxPackSize + kernel.sealedLength(slotSize) + REPLICA.length + 32,
        createBuffer: (length) => new Uint8Array(length),
      });
      return new SessionContents({
        storage: own,
        committed,
        preparer,
        clock: time.clock,
        random,
        format: parameters,
        canCompress: (name) => compressors.byName(name).compress !== undefined,
        stayCurrent: () => committed.refreshIfStale(),
        signal: writer.signal,
        commitsAlone: !buffers.holdsTwoBatches,
        events: writer.onHashed === undefined ? {} : { onHashed: writer.onHashed },
        startSession: async (takeDeletions, signal) => {
          const now = time.clock();
          const id = createSessionID(now, random);
          const marker = await putSessionMarker(
            own,
            sealer,
            { id, startTime: now, checkpointTime: now, username: 'user', hostname: 'host' },
            abortOptions({ signal }),
          );
          const packs = new PackWriter({
            storage: own,
            kernel,
            format: parameters,
            packReplica: format.enablePasswordChange ? new Uint8Array() : REPLICA,
            buffers,
            random,
            sessionID: id,
            takeDeletions,
            signal,
          });
          return { sessionID: id, packs, end: () => deleteSessionMarkers(own, [marker]) };
        },
      });
    }

    return { committed, compressors, newWriter };
  }

  async function blobIDs(prefix = ''): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id } of memory.listBlobs(prefix)) ids.push(id);
    return ids;
  }

  return { time, memory, storage, format, kernel, sealer, openClient, blobIDs };
}

function worldFormat(options: ContentWorldOptions): RepositoryFormat {
  const { version = 3, maxPackSize = 64 * 1024, eccOverheadPercent } = options;
  const isOld = version === 1;
  return {
    version,
    maxPackSize,
    indexVersion: isOld ? 1 : 2,
    epochParameters: isOld ? DISABLED_EPOCH_PARAMETERS : DEFAULT_EPOCH_PARAMETERS,
    requiredFeatures: [],
    hash: 'BLAKE2B-256-128',
    encryption: 'AES256-GCM-HMAC-SHA256',
    ecc:
      eccOverheadPercent === undefined
        ? undefined
        : { algorithm: 'REED-SOLOMON-CRC32', overheadPercent: eccOverheadPercent },
    secret: SECRET,
    masterKey: MASTER_KEY,
    enablePasswordChange: !isOld,
    splitter: 'FIXED',
  };
}

/** Bytes that one seed gives again. */
export function seededRandomSource(seed: number): RandomSource {
  const random = createSeededRandom(seed);
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = Math.floor(random() * 256);
  };
}

/** `length` bytes that belong to `seed`: for contents that are told apart. */
export function seededBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  seededRandomSource(seed)(bytes);
  return bytes;
}
