import {
  CorruptDataError,
  hasCode,
  LongshoreError,
  type AbortOptions,
  type BlobID,
  type BlobReader,
  type ContentInfo,
} from '@longshore/repo';

const PACK_PREFIXES = ['p', 'q'] as const;

/** How long each pack in the storage is, listed once. Holds one entry for each pack. */
export class PackLengths {
  readonly #storage: BlobReader;
  readonly #lengths: Map<BlobID, number | undefined>;

  private constructor(storage: BlobReader, lengths: Map<BlobID, number | undefined>) {
    this.#storage = storage;
    this.#lengths = lengths;
  }

  static async list(storage: BlobReader, options: AbortOptions = {}): Promise<PackLengths> {
    const lengths = new Map<BlobID, number | undefined>();
    for (const prefix of PACK_PREFIXES) {
      for await (const { id, length } of storage.listBlobs(prefix, options))
        lengths.set(id, length);
    }
    return new PackLengths(storage, lengths);
  }

  get size(): number {
    return this.#lengths.size;
  }

  /** Whether the storage need not be asked about this pack. */
  isKnown(id: BlobID): boolean {
    return this.#lengths.has(id);
  }

  /** CORRUPT_DATA unless the storage has every byte of the content. */
  async check(info: ContentInfo, options: AbortOptions = {}): Promise<void> {
    const { packBlobID } = info;
    // It may have been written since packs were listed. That it is missing is remembered too.
    if (!this.isKnown(packBlobID)) {
      this.#lengths.set(packBlobID, await this.#lengthOf(packBlobID, options));
    }
    this.checkKnown(info);
  }

  /** The same for a content of a pack that {@link isKnown}. */
  checkKnown({ contentID, packBlobID, packOffset, packedLength }: ContentInfo): void {
    const length = this.#lengths.get(packBlobID);
    const end = packOffset + packedLength;
    if (length !== undefined && end <= length) return;
    throw new CorruptDataError(
      length === undefined
        ? `content ${contentID}: its pack ${packBlobID} is missing from the storage`
        : `content ${contentID}: ends at ${end}, its pack ${packBlobID} has ${length} bytes`,
      { contentID, blobID: packBlobID, offset: packOffset },
    );
  }

  async #lengthOf(id: BlobID, options: AbortOptions): Promise<number | undefined> {
    try {
      return (await this.#storage.getMetadata(id, options)).length;
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

/** No index entry. */
export function unindexed(contentID: string): LongshoreError {
  return new LongshoreError(
    'CONTENT_NOT_FOUND',
    `content ${contentID} is in no index of the repository`,
    { contentID },
  );
}
