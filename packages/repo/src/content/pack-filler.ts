import type { AbortOptions } from '../blob/storage.ts';
import type { RepositoryFormat } from '../format/parameters.ts';
import { Pool, type PooledItem } from '../parallel.ts';
import type { ContentID } from './content-id.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentPreparer, SealedContent, UnsealedContent } from './content-preparer.ts';
import { packKind, type PackRegion, type PackWriter } from './pack-writer.ts';

/** A content to be sealed into a pack, and the time that its index entry gets. */
export interface NewContent extends UnsealedContent {
  readonly contentID: ContentID;
  readonly timestampSeconds: number;
}

type OnSealed = (infos: readonly ContentInfo[]) => readonly ContentInfo[];

export interface PackFillerOptions {
  readonly preparer: ContentPreparer;
  readonly format: () => RepositoryFormat;
  /** Groups that are compressed at once, each in a buffer; default: one for each thread and one in reserve. */
  readonly stagingBuffers?: number | undefined;
}

/** Seals contents into packs. */
export class PackFiller {
  readonly #options: PackFillerOptions;
  readonly #staging: Pool<Uint8Array>;

  constructor(options: PackFillerOptions) {
    const { preparer } = options;
    this.#options = options;
    this.#staging = new Pool(options.stagingBuffers ?? preparer.parallelism + 1, () =>
      preparer.createBuffer(this.#groupLimit),
    );
  }

  /**
   * Seals contents of one kind of pack in order. `onSealed` gets the entries of those that lie in a pack and says
   * what the pack's recovery index is to hold of them: the same that the index will.
   */
  async fill(
    packs: PackWriter,
    contents: readonly NewContent[],
    onSealed: OnSealed,
    options: AbortOptions,
  ): Promise<void> {
    for (const group of this.#groups(contents)) {
      await this.#fillGroup(packs, group, onSealed, options);
    }
  }

  /** Bytes of one group: what a pack may overshoot by. */
  get #groupLimit(): number {
    const { preparer } = this.#options;
    return preparer.sealedLength(preparer.slots.slotSize);
  }

  *#groups(contents: readonly NewContent[]): Generator<readonly NewContent[]> {
    const limit = this.#groupLimit;
    let group: NewContent[] = [];
    let length = 0;
    for (const content of contents) {
      const sealed = this.#options.preparer.sealedLength(content.data.length);
      if (group.length > 0 && length + sealed > limit) {
        yield group;
        group = [];
        length = 0;
      }
      group.push(content);
      length += sealed;
    }
    if (group.length > 0) yield group;
  }

  /** Uncompressed contents have a known length and are sealed in place; others by way of a staging buffer. */
  async #fillGroup(
    packs: PackWriter,
    group: readonly NewContent[],
    onSealed: OnSealed,
    options: AbortOptions,
  ): Promise<void> {
    const { preparer } = this.#options;
    const kind = packKind(group[0]!.contentID);
    const room = group.reduce((sum, { data }) => sum + preparer.sealedLength(data.length), 0);
    if (group.every(({ compressor }) => compressor === undefined)) {
      const region = await packs.reserve(kind, room, options);
      const seal = (): Promise<readonly SealedContent[]> =>
        preparer.seal(group, region.bytes, options);
      await this.#fillRegion(region, group, seal, onSealed);
      return;
    }
    const staging = await this.#stagingBuffer(room, options);
    try {
      const sealed = await preparer.seal(group, staging.item, options);
      const length = sealed.reduce((sum, one) => sum + one.length, 0);
      const region = await packs.reserve(kind, length, options);
      const copy = async (): Promise<readonly SealedContent[]> => {
        preparer.slots.copy(staging.item.subarray(0, length), region.bytes);
        return sealed;
      };
      await this.#fillRegion(region, group, copy, onSealed);
    } finally {
      staging.release();
    }
  }

  async #stagingBuffer(length: number, options: AbortOptions): Promise<PooledItem<Uint8Array>> {
    if (length <= this.#groupLimit) return this.#staging.acquire(options);
    return { item: this.#options.preparer.createBuffer(length), release: () => undefined };
  }

  async #fillRegion(
    region: PackRegion,
    group: readonly NewContent[],
    seal: () => Promise<readonly SealedContent[]>,
    onSealed: OnSealed,
  ): Promise<void> {
    let infos: readonly ContentInfo[] | undefined;
    try {
      infos = onSealed(this.#entries(region, group, await seal()));
    } finally {
      if (infos === undefined) region.abandon();
      else region.commit(infos);
    }
  }

  #entries(
    region: PackRegion,
    group: readonly NewContent[],
    sealed: readonly SealedContent[],
  ): readonly ContentInfo[] {
    const formatVersion = this.#options.format().version;
    let packOffset = region.packOffset;
    return group.map((content, index) => {
      const { length: packedLength, compressionHeaderID } = sealed[index]!;
      const info: ContentInfo = {
        contentID: content.contentID,
        packBlobID: region.packBlobID,
        packOffset,
        packedLength,
        originalLength: content.data.length,
        timestampSeconds: content.timestampSeconds,
        deleted: false,
        formatVersion,
        compressionHeaderID,
        encryptionKeyID: 0,
      };
      packOffset += packedLength;
      return info;
    });
  }
}
