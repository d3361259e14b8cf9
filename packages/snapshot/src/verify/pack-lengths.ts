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

  /** CORRUPT_DATA unless the storage has every byte of the content. */
  async check(info: ContentInfo, options: AbortOptions = {}): Promise<void> {
    const { contentID, packBlobID, packOffset, packedLength } = info;
    const length = this.#lengths.get(packBlobID) ?? (await this.#ask(packBlobID, options));
    const facts = { contentID, blobID: packBlobID, offset: packOffset };
    if (length === undefined) {
      throw new CorruptDataError(
        `content ${contentID}: its pack ${packBlobID} is missing from the storage`,
        facts,
      );
    }
    if (packOffset + packedLength > length) {
      throw new CorruptDataError(
        `content ${contentID}: ends at ${packOffset + packedLength}, its pack ${packBlobID} has ${length} bytes`,
        facts,
      );
    }
  }

  /** A pack may have been written since it was listed. Undefined is remembered too. */
  async #ask(id: BlobID, options: AbortOptions): Promise<number | undefined> {
    if (this.#lengths.has(id)) return undefined;
    const length = await this.#lengthOf(id, options);
    this.#lengths.set(id, length);
    return length;
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
