import type { AbortOptions, BlobStorage, ByteRange } from './blob/storage.ts';
import type { EpochNanoseconds } from './clock.ts';
import type { CompressorName } from './compression/compressor.ts';
import type { ContentID, ContentPrefix } from './content/content-id.ts';
import type { ContentInfo } from './content/content-info.ts';
import type { ContentManager } from './content/content-manager.ts';
import type { ContentReader } from './content/content-reader.ts';
import type { ObjectID } from './object/object-id.ts';

declare const manifestIDBrand: unique symbol;
/** 32 lower-case hex digits, random; `parseManifestID` is the only maker from text. */
export type ManifestID = string & { readonly [manifestIDBrand]: true };

/** A manifest matches when it has all of these; `type` is mandatory on each stored manifest. */
export type Labels = Readonly<Record<string, string>>;

export interface ManifestEntry {
  readonly id: ManifestID;
  readonly labels: Labels;
  readonly modified: EpochNanoseconds;
  /** Bytes of the payload's JSON. */
  readonly length: number;
}

export interface Manifest {
  readonly entry: ManifestEntry;
  /** Parsed JSON. Integers beyond 2^53 are bigint. */
  readonly payload: unknown;
}

/** Random access to the bytes of one object; contents are checked on the way. */
export interface ObjectReader extends AsyncDisposable {
  /** Bytes. */
  readonly length: number;
  /** Exactly the range, clipped to the end of the object. Owned by the caller. */
  read(range: ByteRange, options?: AbortOptions): Promise<Uint8Array>;
  /** Pieces in order, read ahead within a bound; stops and releases on `break`. */
  stream(options?: StreamOptions): AsyncIterable<Uint8Array>;
}

export interface StreamOptions extends AbortOptions {
  readonly range?: ByteRange;
  /** Chunks that are read while the receiver works on one. Default 2; 0 reads nothing that may not be wanted. */
  readonly readAhead?: number;
}

/** One chunk of an object: a content and where its bytes stand in the object. */
export interface ObjectChunk {
  readonly start: number;
  readonly length: number;
  readonly objectID: ObjectID;
}

export interface ObjectWriterOptions extends AbortOptions {
  readonly prefix?: ContentPrefix;
  readonly compressor?: CompressorName | undefined;
  /** For index objects. */
  readonly metadataCompressor?: CompressorName | undefined;
  /** Kopia's splitter name; default: the repository's. An unknown name falls back to the default. */
  readonly splitter?: string;
}

export interface ObjectWriter extends AsyncDisposable {
  /** Resolves when it may take more; `data` is borrowed until then. */
  write(data: Uint8Array): Promise<void>;
  /** Room of at least `minimum` bytes (at most 1 MiB) to read into without a copy; pass the filled count to `advance`. */
  window(minimum: number): Promise<Uint8Array>;
  advance(count: number): Promise<void>;
  /**
   * The object made of the chunks cut so far; undefined if none is. The writer goes on, and may reach its end while
   * this is under way.
   */
  checkpoint(): Promise<ObjectID | undefined>;
  /** Ends the object. An object of length 0 is one content of length 0. */
  result(): Promise<ObjectID>;
  /** Bytes written so far. */
  readonly length: number;
}

export interface Repository extends AsyncDisposable {
  readonly contents: ContentReader;
  /** 32 bytes, hex: names the repository. */
  readonly uniqueID: string;
  openObject(id: ObjectID, options?: AbortOptions): Promise<ObjectReader>;
  /** The chunks of an object in order, `I` levels flattened: what a restore plans with. */
  objectChunks(id: ObjectID, options?: AbortOptions): Promise<readonly ObjectChunk[]>;
  /**
   * The bytes of a chunk whose content was read in bulk: undoes the object layer's compression of old repositories.
   * CORRUPT_DATA if they are not as many as the chunk says. May be `content` itself.
   */
  decodeChunk(chunk: Omit<ObjectChunk, 'start'>, content: Uint8Array): Uint8Array;
  /** Each content that the object stands on, index objects included; a missing one is CONTENT_NOT_FOUND. */
  verifyObject(id: ObjectID, options?: AbortOptions): AsyncIterable<ContentID>;
  /** Sorted by `modified`, oldest first. */
  findManifests(labels: Labels, options?: AbortOptions): Promise<readonly ManifestEntry[]>;
  /** MANIFEST_NOT_FOUND if it is not there or deleted. */
  getManifest(id: ManifestID, options?: AbortOptions): Promise<Manifest>;
  refresh(options?: AbortOptions): Promise<void>;
}

/** Opened over a writable storage: can start write sessions. */
export interface WritableRepository extends Repository {
  readonly storage: BlobStorage;
  /** Each writer is a session of its own: own packs, own commit. Several may run at once. */
  newWriter(options?: WriteSessionOptions): RepositoryWriter;
}

export interface WriteSessionOptions extends AbortOptions {
  readonly onUpload?: (uploadedBytes: number) => void;
  readonly onHashed?: (length: number, duplicate: boolean) => void;
  /**
   * Asked about each content that an index names already. False: the storage has lost it, and it is stored again. See
   * `StoredPacks`. Default: indexes are believed.
   */
  readonly isStored?: (info: ContentInfo) => boolean;
}

/** Reads see what this writer wrote. Disposing never commits. */
export interface RepositoryWriter extends Repository {
  readonly contents: ContentManager;
  newObjectWriter(options?: ObjectWriterOptions): ObjectWriter;
  /** One small object in one call: no writer is kept for it. `data` is borrowed until the promise settles. */
  writeObject(data: Uint8Array, options?: ObjectWriterOptions): Promise<ObjectID>;
  /**
   * Many small objects as one unit of work, in order; same options for all. `hashes` are those of the
   * objects' bytes where `contents.loadFiles` has told them.
   */
  writeObjects(
    batch: readonly Uint8Array[],
    options?: ObjectWriterOptions,
    hashes?: readonly Uint8Array[],
  ): Promise<readonly ObjectID[]>;
  /** One object out of several in order, without reading them: chunk lists are merged, flat. */
  concatenateObjects(ids: readonly ObjectID[], options?: ObjectWriterOptions): Promise<ObjectID>;
  putManifest(labels: Labels, payload: object): Promise<ManifestID>;
  /** Deletes every manifest with exactly these labels and puts a new one. */
  replaceManifests(labels: Labels, payload: object): Promise<ManifestID>;
  /** A missing manifest is success. */
  deleteManifest(id: ManifestID): Promise<void>;
  /** The only commit. */
  flush(options?: AbortOptions): Promise<void>;
}
