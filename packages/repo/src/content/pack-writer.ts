import { parseBlobID, type AbortOptions, type BlobID, type BlobStorage } from '../blob/storage.ts';
import { encodeHex } from '../bytes.ts';
import type { RandomSource } from '../clock.ts';
import { invariant, LongshoreError } from '../errors.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { Budget, Pool, type PooledItem } from '../parallel.ts';
import { contentPrefix, type ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentKernel } from './content-kernel.ts';
import { PREAMBLE_LENGTH } from './pack-layout.ts';
import { encodePackTrailer } from './pack-trailer.ts';

/** `p`: file data; `q`: contents with a prefix. */
export type PackKind = 'p' | 'q';

export function packKind(id: ContentID): PackKind {
  return contentPrefix(id) === '' ? 'p' : 'q';
}

/** Deletions of contents of a kind since the last call, wherever those lie: once taken they are the caller's. */
export type TakeDeletions = (kind: PackKind) => readonly ContentInfo[];

/** A pack is closed early at this many contents, which bounds its recovery index but for the deletions of a session. */
const MAX_CONTENTS_PER_PACK = 100_000;

/** Offsets in packs must stay below this. Source: docs/format/pack.md. */
const MAX_PACK_OFFSET = 2 ** 30;

/** Packs that may be open at once: two kinds of the batch being filled and two of the one being committed. */
const MAX_OPEN_PACKS = 4;

/** Buffers for the kinds of one batch while nothing else is in the way. */
const OPEN_PACKS = 2;

export interface PackBuffersOptions {
  /** Packs on their way to the storage at once, at least 1. */
  readonly parallelUploads: number;
  /** Default: as many as packs can be open, or two more than can be uploaded. At least two. */
  readonly count?: number | undefined;
  /** Bytes of each: the pack size and the largest batch that may overshoot it. */
  readonly capacity: number;
  readonly createBuffer: (length: number) => Uint8Array;
}

/**
 * The bounded number of pack buffers of a writer: waiting for one is the back-pressure of uploads. There
 * are enough for all packs that can be open, so that none waits for another that nobody will close.
 */
export class PackBuffers {
  readonly capacity: number;
  /** Of all batches of the writer. */
  readonly uploads: Budget;
  /** False: a batch may be filled only when the one before is committed, or both could wait for each other's buffers. */
  readonly holdsTwoBatches: boolean;
  readonly #pool: Pool<Uint8Array>;
  readonly #oversized: Budget = new Budget(1);
  readonly #createBuffer: (length: number) => Uint8Array;

  constructor(options: PackBuffersOptions) {
    const { parallelUploads } = options;
    if (!Number.isInteger(parallelUploads) || parallelUploads < 1) {
      throw new LongshoreError('INVALID_ARGUMENT', `${parallelUploads} parallel uploads`);
    }
    this.capacity = options.capacity;
    this.uploads = new Budget(parallelUploads);
    this.#createBuffer = options.createBuffer;
    const count = options.count ?? Math.max(MAX_OPEN_PACKS, OPEN_PACKS + parallelUploads);
    if (!Number.isInteger(count) || count < OPEN_PACKS) {
      throw new LongshoreError('INVALID_ARGUMENT', `${count} pack buffers`);
    }
    this.holdsTwoBatches = count >= MAX_OPEN_PACKS;
    this.#pool = new Pool(count, () => options.createBuffer(options.capacity));
  }

  /** At least `length` bytes; above the capacity one at a time. */
  async acquire(length: number, options: AbortOptions): Promise<PooledItem<Uint8Array>> {
    if (length <= this.capacity) return this.#pool.acquire(options);
    const release = await this.#oversized.acquire(1, options);
    try {
      return { item: this.#createBuffer(length), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

/** Room in an open pack that its receiver fills and then hands back with `commit` or `abandon`, once. */
export interface PackRegion {
  readonly packBlobID: BlobID;
  readonly packOffset: number;
  readonly bytes: Uint8Array;
  /** What now lies in the region. */
  commit(entries: readonly ContentInfo[]): void;
  /** Nothing of use lies in the region: a gap that no index names. */
  abandon(): void;
}

export interface PackWriterOptions {
  readonly storage: BlobStorage;
  readonly kernel: ContentKernel;
  /** Asked anew each time: parameters change during a repository's life. */
  readonly format: () => RepositoryFormat;
  /** What each pack starts with: a copy of the format blob in old formats, else nothing. */
  readonly packReplica: Uint8Array;
  readonly buffers: PackBuffers;
  readonly random: RandomSource;
  readonly sessionID: string;
  /**
   * Asked when a pack with contents is complete: deletions go into recovery indexes with what was stored beside
   * them, as Kopia's do. Deletions alone make no pack.
   */
  readonly takeDeletions: TakeDeletions;
  readonly onUploaded?: ((length: number) => void) | undefined;
  /** Stops uploads, and with them the session. */
  readonly signal?: AbortSignal | undefined;
}

interface OpenPack {
  readonly id: BlobID;
  readonly kind: PackKind;
  readonly buffer: Uint8Array;
  readonly release: () => void;
  length: number;
  readonly entries: ContentInfo[];
  outstanding: number;
  closed: boolean;
}

/**
 * Fills, seals, names and uploads the packs of one write session. Regions of one pack are filled in
 * parallel; a pack goes out when it is closed and all its regions are back.
 */
export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #open: Map<PackKind, OpenPack> = new Map();
  readonly #inMemory: Map<BlobID, OpenPack> = new Map();
  readonly #uploads: Set<Promise<void>> = new Set();
  readonly #opening: Map<PackKind, Promise<OpenPack>> = new Map();
  /** Aborted by the first failure: nothing more is stored. */
  readonly #stopped: AbortController = new AbortController();
  #failure: { readonly error: unknown } | undefined;

  constructor(options: PackWriterOptions) {
    this.#options = options;
  }

  /** Waits for a free pack buffer; throws what an earlier upload failed with. */
  async reserve(kind: PackKind, length: number, options: AbortOptions = {}): Promise<PackRegion> {
    for (;;) {
      this.#throwIfFailed();
      options.signal?.throwIfAborted();
      const pack = this.#open.get(kind);
      if (pack !== undefined) {
        const full = pack.length >= this.#options.format().maxPackSize;
        if (!full && pack.length + length <= pack.buffer.length) {
          return this.#take(kind, pack, length);
        }
        this.#close(kind, pack);
      }
      await this.#openPack(kind, length, options);
    }
  }

  /**
   * The stored bytes of a content whose pack is still in memory: a view, to be used at once. Throws why this
   * session failed if the content was lost with it.
   */
  read(info: ContentInfo): Uint8Array | undefined {
    const pack = this.#inMemory.get(info.packBlobID);
    if (pack !== undefined) {
      return pack.buffer.subarray(info.packOffset, info.packOffset + info.packedLength);
    }
    if (info.packBlobID.endsWith(`-${this.#options.sessionID}`)) this.#throwIfFailed();
    return undefined;
  }

  /** Closes what is open and waits until every pack is stored. No region may be out. An abort ends the session. */
  async finish({ signal }: AbortOptions = {}): Promise<void> {
    const onAbort = (): void => {
      this.#fail(signal?.reason);
    };
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (const [kind, pack] of this.#open) {
        invariant(pack.outstanding === 0, 'a pack is finished while regions are out');
        this.#close(kind, pack);
      }
      await this.#uploadsEnd();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    this.#throwIfFailed();
  }

  /** Stores nothing more; resolves when nothing is on its way any more. Regions that are out give their pack back later. */
  async abandon(): Promise<void> {
    this.#fail(new LongshoreError('ABORTED', 'the write session was abandoned'));
    for (const pack of this.#open.values()) {
      pack.closed = true;
      if (pack.outstanding === 0) this.#drop(pack);
    }
    this.#open.clear();
    await this.#uploadsEnd();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stopped.abort(this.#failure.error);
  }

  async #uploadsEnd(): Promise<void> {
    while (this.#uploads.size > 0) await Promise.all(this.#uploads);
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #take(kind: PackKind, pack: OpenPack, length: number): PackRegion {
    const packOffset = pack.length;
    pack.length += length;
    pack.outstanding += 1;
    let out = true;
    const back = (entries: readonly ContentInfo[]): void => {
      invariant(out, 'a pack region is handed back twice');
      out = false;
      for (const entry of entries) pack.entries.push(entry);
      pack.outstanding -= 1;
      this.#settle(kind, pack);
    };
    return {
      packBlobID: pack.id,
      packOffset,
      bytes: pack.buffer.subarray(packOffset, packOffset + length),
      commit: back,
      abandon: () => {
        back([]);
      },
    };
  }

  /** A pack is full once its contents reach the pack size; it leaves when nobody writes to it any more. */
  #settle(kind: PackKind, pack: OpenPack): void {
    const full =
      pack.length >= this.#options.format().maxPackSize ||
      pack.entries.length >= MAX_CONTENTS_PER_PACK;
    if (full && !pack.closed) this.#close(kind, pack);
    else if (pack.closed && pack.outstanding === 0) this.#upload(pack);
  }

  #close(kind: PackKind, pack: OpenPack): void {
    pack.closed = true;
    if (this.#open.get(kind) === pack) this.#open.delete(kind);
    if (pack.outstanding === 0) this.#upload(pack);
  }

  async #openPack(kind: PackKind, length: number, options: AbortOptions): Promise<void> {
    const already = this.#opening.get(kind);
    if (already !== undefined) {
      // What the other caller fails with, its own abort say, is not this one's failure: it tries by itself.
      await already.catch(() => undefined);
      return;
    }
    const opening = this.#createPack(kind, length, options);
    this.#opening.set(kind, opening);
    try {
      const pack = await opening;
      if (this.#failure === undefined) this.#open.set(kind, pack);
      else this.#drop(pack);
    } finally {
      this.#opening.delete(kind);
    }
  }

  async #createPack(kind: PackKind, length: number, options: AbortOptions): Promise<OpenPack> {
    const { packReplica, random, sessionID, buffers } = this.#options;
    const headerLength = packReplica.length + PREAMBLE_LENGTH;
    const signal = anySignal(this.#stopped.signal, options.signal);
    const { item: buffer, release } = await buffers.acquire(headerLength + length, { signal });
    buffer.set(packReplica);
    random(buffer.subarray(packReplica.length, headerLength));
    const name = new Uint8Array(16);
    random(name);
    const pack: OpenPack = {
      id: parseBlobID(`${kind}${encodeHex(name)}-${sessionID}`),
      kind,
      buffer,
      release,
      length: headerLength,
      entries: [],
      outstanding: 0,
      closed: false,
    };
    this.#inMemory.set(pack.id, pack);
    return pack;
  }

  #upload(pack: OpenPack): void {
    if (this.#failure !== undefined || pack.entries.length === 0) {
      this.#drop(pack);
      return;
    }
    for (const deletion of this.#options.takeDeletions(pack.kind)) pack.entries.push(deletion);
    const upload: Promise<void> = this.#store(pack)
      .catch((error: unknown) => {
        this.#fail(error);
      })
      .finally(() => {
        this.#drop(pack);
        this.#uploads.delete(upload);
      });
    this.#uploads.add(upload);
  }

  #drop(pack: OpenPack): void {
    pack.closed = true;
    this.#inMemory.delete(pack.id);
    pack.release();
  }

  async #store(pack: OpenPack): Promise<void> {
    invariant(pack.length < MAX_PACK_OFFSET, 'a pack grew beyond 2^30 bytes');
    const { storage, onUploaded, buffers } = this.#options;
    const signal = anySignal(this.#stopped.signal, this.#options.signal);
    const release = await buffers.uploads.acquire(1, { signal });
    try {
      const { kernel, format, random } = this.#options;
      const { indexVersion } = format();
      const trailer = encodePackTrailer(pack.length, pack.entries, {
        kernel,
        random,
        indexVersion,
      });
      const data = [pack.buffer.subarray(0, pack.length), trailer];
      await storage.putBlob(pack.id, data, { signal });
      onUploaded?.(pack.length + trailer.length);
    } finally {
      release();
    }
  }
}

function anySignal(own: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? own : AbortSignal.any([own, other]);
}
