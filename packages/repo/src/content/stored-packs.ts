import type { AbortOptions, BlobID, BlobReader } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND, type Clock } from '../clock.ts';
import type { ContentInfo } from './content-info.ts';

const PACK_PREFIXES = ['p', 'q'] as const;

/**
 * Which contents the storage really has, by one listing of the packs: for writers that are to store again what was
 * lost. Holds the name and length of each pack, some 150 bytes.
 */
export class StoredPacks {
  readonly #lengths: ReadonlyMap<BlobID, number>;
  readonly #listedAtSeconds: number;

  private constructor(lengths: ReadonlyMap<BlobID, number>, listedAtSeconds: number) {
    this.#lengths = lengths;
    this.#listedAtSeconds = listedAtSeconds;
  }

  static async list(
    storage: BlobReader,
    clock: Clock,
    options: AbortOptions = {},
  ): Promise<StoredPacks> {
    const listedAt = clock();
    const lengths = new Map<BlobID, number>();
    for (const prefix of PACK_PREFIXES) {
      for await (const { id, length } of storage.listBlobs(prefix, options)) {
        lengths.set(id, length);
      }
    }
    return new StoredPacks(lengths, Number(listedAt / NANOSECONDS_PER_SECOND));
  }

  /** Bytes; undefined if the pack was not listed. */
  lengthOf(pack: BlobID): number | undefined {
    return this.#lengths.get(pack);
  }

  get size(): number {
    return this.#lengths.size;
  }

  /** The pack is there and reaches to the end of the content. What was written since the listing is believed. */
  holds({ packBlobID, packOffset, packedLength, timestampSeconds }: ContentInfo): boolean {
    const length = this.#lengths.get(packBlobID);
    if (length === undefined) return timestampSeconds > this.#listedAtSeconds;
    return packOffset + packedLength <= length;
  }
}
