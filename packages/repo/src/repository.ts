import { createSplitter, isSplitterName, type Splitter } from '@longshore/chunker';
import { abortOptions, type AbortOptions, type BlobStorage } from './blob/storage.ts';
import { encodeHex } from './bytes.ts';
import type { Clock, RandomSource } from './clock.ts';
import type { CompressorTable } from './compression/compressor-table.ts';
import type { CommittedContents } from './content/committed-contents.ts';
import type { ContentID } from './content/content-id.ts';
import type { ContentEngine } from './content/content-engine.ts';
import type { ContentKernel } from './content/content-kernel.ts';
import type { ContentReader } from './content/content-reader.ts';
import type { BlobSealer } from './content/indexblob/blob-sealing.ts';
import type { IndexBlobManager } from './content/indexblob/index-blob-manager.ts';
import { PackBuffers, PackWriter, type PackWriterOptions } from './content/pack-writer.ts';
import { SessionContents } from './content/session-contents.ts';
import { createSessionID } from './content/session-id.ts';
import type { BatchSession } from './content/write-batch.ts';
import { deleteSessionMarkers, putSessionMarker } from './content/write-session.ts';
import type { FormatManager } from './format/format-manager.ts';
import type { MemoryPlan } from './memory-plan.ts';
import {
  ManifestReader,
  ManifestWriter,
  type ManifestEnvironment,
} from './manifest/manifest-manager.ts';
import { concatenateObjects } from './object/concatenate.ts';
import type { ObjectID } from './object/object-id.ts';
import {
  decodeDirectObject,
  objectChunks,
  openObject,
  verifyObject,
  type ObjectReaderEnvironment,
} from './object/object-reader.ts';
import {
  ChunkStore,
  StreamingObjectWriter,
  writeWholeObject,
  type ObjectWriterEnvironment,
} from './object/object-writer.ts';
import type {
  Labels,
  Manifest,
  ManifestEntry,
  ManifestID,
  ObjectChunk,
  ObjectReader,
  ObjectWriter,
  ObjectWriterOptions,
  Repository,
  RepositoryWriter,
  WritableRepository,
  WriteSessionOptions,
} from './repository-contract.ts';

/** Room in a pack buffer beyond the pack size and the largest group of contents: replica and preamble. */
const PACK_HEADER_ROOM = 70_000;

/** Who writes, as session markers and maintenance name it. */
export interface ClientIdentity {
  readonly userName: string;
  readonly hostName: string;
}

/** What an open repository is made of. */
export interface RepositoryParts {
  readonly formatManager: FormatManager;
  readonly kernel: ContentKernel;
  readonly sealer: BlobSealer;
  readonly engine: ContentEngine;
  readonly committed: CommittedContents;
  readonly compressors: CompressorTable;
  readonly clock: Clock;
  readonly random: RandomSource;
}

/** What writing needs beside {@link RepositoryParts}. */
export interface WritableParts extends RepositoryParts {
  /** Applies retention. */
  readonly storage: BlobStorage;
  readonly indexBlobs: IndexBlobManager;
  readonly identity: ClientIdentity;
  /** Packs on their way to the storage at once, of each writer. */
  readonly parallelUploads: number;
  /** Pack buffers of each writer; undefined: enough. */
  readonly packBuffers: number | undefined;
}

/** The reading half, shared by open repositories and writers. */
class RepositoryView<Contents extends ContentReader> {
  readonly contents: Contents;
  readonly uniqueID: string;
  readonly #environment: ObjectReaderEnvironment;
  readonly #manifests: ManifestReader;

  constructor(parts: RepositoryParts, contents: Contents, manifests: ManifestReader) {
    this.contents = contents;
    this.uniqueID = encodeHex(parts.formatManager.uniqueID);
    this.#environment = { contents, compressors: parts.compressors };
    this.#manifests = manifests;
  }

  openObject(id: ObjectID, options?: AbortOptions): Promise<ObjectReader> {
    return openObject(this.#environment, id, options);
  }

  objectChunks(id: ObjectID, options?: AbortOptions): Promise<readonly ObjectChunk[]> {
    return objectChunks(this.#environment, id, options);
  }

  decodeChunk({ objectID, length }: Omit<ObjectChunk, 'start'>, content: Uint8Array): Uint8Array {
    return decodeDirectObject(this.#environment.compressors, objectID, content, length);
  }

  verifyObject(id: ObjectID, options?: AbortOptions): AsyncIterable<ContentID> {
    return verifyObject(this.#environment, id, options);
  }

  findManifests(labels: Labels, options?: AbortOptions): Promise<readonly ManifestEntry[]> {
    return this.#manifests.find(labels, options);
  }

  getManifest(id: ManifestID, options?: AbortOptions): Promise<Manifest> {
    return this.#manifests.get(id, options);
  }
}

function manifestEnvironment(parts: RepositoryParts): ManifestEnvironment {
  const { compressors, clock, random } = parts;
  return { compressors, clock, random };
}

/** A repository that can be read. */
export class OpenRepository extends RepositoryView<CommittedContents> implements Repository {
  protected readonly parts: RepositoryParts;

  constructor(parts: RepositoryParts) {
    const manifests = new ManifestReader(parts.committed, manifestEnvironment(parts));
    super(parts, parts.committed, manifests);
    this.parts = parts;
  }

  get formatManager(): FormatManager {
    return this.parts.formatManager;
  }

  /** Opens blobs that are sealed as a whole, such as session markers. */
  get sealer(): BlobSealer {
    return this.parts.sealer;
  }

  /** How the engine divides the memory it was given, if it was given any to divide. */
  get memoryPlan(): MemoryPlan | undefined {
    return this.parts.engine.plan;
  }

  /** The time that this client goes by, which need not be the storage's. */
  get clock(): Clock {
    return this.parts.clock;
  }

  async refresh(options: AbortOptions = {}): Promise<void> {
    await this.parts.formatManager.refreshIfStale(options);
    await this.parts.committed.refresh(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parts.engine[Symbol.asyncDispose]();
  }
}

/** A repository that can also be written to. */
export class OpenWritableRepository extends OpenRepository implements WritableRepository {
  readonly storage: BlobStorage;
  readonly #parts: WritableParts;

  constructor(parts: WritableParts) {
    super(parts);
    this.#parts = parts;
    this.storage = parts.storage;
  }

  get identity(): ClientIdentity {
    return this.#parts.identity;
  }

  /** For maintenance. Told apart by their `style`. */
  get indexBlobs(): IndexBlobManager {
    return this.#parts.indexBlobs;
  }

  newWriter(options: WriteSessionOptions = {}): RepositoryWriter {
    return new SessionWriter(this.#parts, options);
  }
}

/** One write session after another, each ended by a flush. */
class SessionWriter extends RepositoryView<SessionContents> implements RepositoryWriter {
  readonly #parts: WritableParts;
  readonly #environment: ObjectWriterEnvironment;
  readonly #manifests: ManifestWriter;
  readonly #chunks: ChunkStore;

  constructor(parts: WritableParts, options: WriteSessionOptions) {
    const contents = new SessionContents(sessionOptions(parts, options));
    const manifests = new ManifestWriter(contents, manifestEnvironment(parts));
    super(parts, contents, manifests);
    this.#parts = parts;
    this.#manifests = manifests;
    this.#environment = {
      contents,
      compressors: parts.compressors,
      createSplitter: (name) => splitterOf(parts, name),
    };
    this.#chunks = new ChunkStore(this.#environment);
  }

  async refresh(options: AbortOptions = {}): Promise<void> {
    await this.#parts.formatManager.refreshIfStale(options);
    await this.contents.refresh(options);
  }

  newObjectWriter(options: ObjectWriterOptions = {}): ObjectWriter {
    return new StreamingObjectWriter(this.#environment, options);
  }

  writeObject(data: Uint8Array, options: ObjectWriterOptions = {}): Promise<ObjectID> {
    return writeWholeObject(this.#environment, data, options);
  }

  async writeObjects(
    batch: readonly Uint8Array[],
    options: ObjectWriterOptions = {},
    hashes?: readonly Uint8Array[],
  ): Promise<readonly ObjectID[]> {
    const { minSegmentSize } = this.#environment.createSplitter(options.splitter);
    const isUncut = (data: Uint8Array): boolean => data.length <= minSegmentSize;
    const uncut = batch.filter(isUncut);
    if (uncut.length === batch.length) return this.#chunks.write(batch, options, hashes);
    const uncutHashes = hashes?.filter((_, index) => isUncut(batch[index]!));
    const uncutIDs = (await this.#chunks.write(uncut, options, uncutHashes)).values();
    const ids: ObjectID[] = [];
    for (const data of batch) {
      const next = isUncut(data) ? uncutIDs.next().value : undefined;
      ids.push(next ?? (await writeWholeObject(this.#environment, data, options)));
    }
    return ids;
  }

  concatenateObjects(
    ids: readonly ObjectID[],
    options: ObjectWriterOptions = {},
  ): Promise<ObjectID> {
    return concatenateObjects(this.#environment, ids, (id) => this.objectChunks(id), options);
  }

  async putManifest(labels: Labels, payload: object): Promise<ManifestID> {
    return this.#manifests.put(labels, payload);
  }

  replaceManifests(labels: Labels, payload: object): Promise<ManifestID> {
    return this.#manifests.replace(labels, payload);
  }

  deleteManifest(id: ManifestID): Promise<void> {
    return this.#manifests.delete(id);
  }

  async flush(options: AbortOptions = {}): Promise<void> {
    await this.#manifests.writePending(options);
    await this.contents.flush(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manifests.abandon();
    await this.contents[Symbol.asyncDispose]();
  }
}

/** An unknown or empty name gives the repository's splitter; there an empty name is `FIXED`. */
function splitterOf(parts: RepositoryParts, name: string | undefined): Splitter {
  if (name !== undefined && isSplitterName(name)) return parts.engine.createSplitter(name);
  return parts.engine.createSplitter(repositorySplitter(parts.formatManager.current().splitter));
}

/** The splitter that a repository's format names. */
export function repositorySplitter(name: string): Parameters<typeof createSplitter>[0] {
  return isSplitterName(name) ? name : 'FIXED';
}

function sessionOptions(
  parts: WritableParts,
  options: WriteSessionOptions,
): ConstructorParameters<typeof SessionContents>[0] {
  const { storage, committed, engine, clock, random, formatManager } = parts;
  const { preparer } = engine;
  const buffers = new PackBuffers({
    parallelUploads: parts.parallelUploads,
    count: parts.packBuffers,
    capacity:
      formatManager.current().maxPackSize +
      preparer.sealedLength(preparer.slots.slotSize) +
      PACK_HEADER_ROOM,
    createBuffer: (length) => preparer.createBuffer(length),
  });
  return {
    storage,
    committed,
    preparer,
    clock,
    random,
    format: () => formatManager.current(),
    stayCurrent: async () => {
      await formatManager.refreshIfStale();
      await committed.refreshIfStale();
    },
    canCompress: (name) => parts.compressors.byName(name).compress !== undefined,
    startSession: (takeDeletions, signal) =>
      startSession(parts, buffers, { ...options, takeDeletions, signal }),
    isStored: options.isStored,
    commitsAlone: !buffers.holdsTwoBatches,
    stagingBuffers: engine.plan?.staging,
    events: options.onHashed === undefined ? {} : { onHashed: options.onHashed },
    signal: options.signal,
  };
}

async function startSession(
  parts: WritableParts,
  buffers: PackBuffers,
  options: Omit<WriteSessionOptions, 'signal'> &
    Pick<PackWriterOptions, 'takeDeletions' | 'signal'>,
): Promise<BatchSession> {
  const { signal, takeDeletions } = options;
  const { storage, sealer, clock, random, identity, kernel, formatManager } = parts;
  const now = clock();
  const sessionID = createSessionID(now, random);
  const marker = await putSessionMarker(
    storage,
    sealer,
    {
      id: sessionID,
      startTime: now,
      checkpointTime: now,
      username: identity.userName,
      hostname: identity.hostName,
    },
    abortOptions({ signal }),
  );
  return {
    sessionID,
    packs: new PackWriter({
      storage,
      kernel,
      format: () => formatManager.current(),
      packReplica: formatManager.packReplica,
      buffers,
      random,
      sessionID,
      takeDeletions,
      onUploaded: options.onUpload,
      signal,
    }),
    end: () => deleteSessionMarkers(storage, [marker]),
  };
}

/**
 * Runs `work` with a writer: flushes if it resolves, abandons if it throws.
 */
export async function writeSession<T>(
  repository: WritableRepository,
  options: WriteSessionOptions,
  work: (writer: RepositoryWriter) => Promise<T>,
): Promise<T> {
  await using writer = repository.newWriter(options);
  const result = await work(writer);
  await writer.flush(abortOptions(options));
  return result;
}
