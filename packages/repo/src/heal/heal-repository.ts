import { concatBytes, encodeHex, equalBytes } from '../bytes.ts';
import { abortOptions, type AbortOptions, type BlobID, type BlobReader } from '../blob/storage.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import { contentsByPack, packExtents } from '../content/contents-by-pack.ts';
import { createContentKernel } from '../content/create-kernel.ts';
import { StoredPacks } from '../content/stored-packs.ts';
import { CorruptDataError, hasCode, LongshoreError } from '../errors.ts';
import { encodePackTrailer } from '../content/pack-trailer.ts';
import { webRandomSource } from '../clock.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from '../format/format-blob.ts';
import { forEachLimit } from '../parallel.ts';
import type { OpenWritableRepository } from '../repository.ts';
import {
  examinePack,
  patchedPack,
  type LostContent,
  type PackExamination,
} from './examine-pack.ts';
import { readRecoveryIndex, type RecoveryIndex } from './read-recovery-index.ts';

/** Packs whose index entries are held at once, when all are read: bounds memory to some million entries. */
const PACKS_PER_ROUND = 256;

/** Index entries say at most so many bytes; a pack that claims more is not read. */
const MAX_PACK_LENGTH = 2 ** 30;

/**
 * `short`: contents are cut off. `recovery-index`: every content is sound, but the pack's own index is cut off or damaged.
 * `mended`: error correction still gave every byte.
 */
export type PackProblem = 'missing' | 'short' | 'damaged' | 'recovery-index' | 'mended';

/** One pack that was not as it should be. */
export interface HealedPack {
  readonly packBlobID: BlobID;
  readonly problem: PackProblem;
  /** It was written anew, or would be. */
  readonly rewritten: boolean;
  /** Contents that nobody has any more. */
  readonly lost: readonly LostContent[];
}

export interface HealOptions extends AbortOptions {
  /** A copy of the same repository. Undefined: only what error correction can mend is. */
  readonly replica?: BlobReader | undefined;
  /** Read every pack and open all of its contents. Otherwise only missing and short packs are found. */
  readonly readPacks?: boolean;
  /** Packs at once, each in memory twice or three times; default 2. */
  readonly parallel?: number;
  /** Say what would be done. */
  readonly dryRun?: boolean;
  readonly onEvent?: (event: HealEvent) => void;
}

export type HealEvent =
  | { readonly type: 'listed'; readonly packs: number; readonly suspects: number }
  | { readonly type: 'examined'; readonly packBlobID: BlobID; readonly bytes: number }
  | ({ readonly type: 'healed' } & HealedPack);

export interface HealResult {
  readonly packs: readonly HealedPack[];
  /** Bytes read out of this repository's packs. */
  readonly bytesRead: number;
}

/**
 * Finds packs that are missing, short or damaged and writes them anew out of what error correction and a replica give.
 * A recovery index that nobody has any more is made anew from the index. A pack is only replaced by one that holds
 * more that is sound, and is read back. INVALID_ARGUMENT if the replica is
 * another repository.
 */
export async function healRepository(
  repository: OpenWritableRepository,
  options: HealOptions = {},
): Promise<HealResult> {
  const { formatManager } = repository;
  const { replica } = options;
  if (replica !== undefined) await checkReplica(replica, formatManager.uniqueID, options);
  const kernel = await createContentKernel(formatManager.algorithms, formatManager.current());
  return new Healing(repository, kernel, options).run();
}

async function checkReplica(
  replica: BlobReader,
  uniqueID: Uint8Array,
  { signal }: AbortOptions,
): Promise<void> {
  const abort = abortOptions({ signal });
  const format = parseFormatBlob(await replica.getBlob(FORMAT_BLOB_ID, abort));
  if (equalBytes(format.uniqueID, uniqueID)) return;
  throw new LongshoreError(
    'INVALID_ARGUMENT',
    `${replica.displayName} holds another repository: ${encodeHex(format.uniqueID)}`,
  );
}

/** Bytes of a pack and what is in them. */
interface PackCopy extends PackExamination {
  readonly bytes: Uint8Array;
  readonly recoveryIndex: RecoveryIndex['state'];
}

class Healing {
  readonly #repository: OpenWritableRepository;
  readonly #kernel: ContentKernel;
  readonly #options: HealOptions;
  readonly #healed: HealedPack[] = [];
  #bytesRead = 0;

  constructor(repository: OpenWritableRepository, kernel: ContentKernel, options: HealOptions) {
    this.#repository = repository;
    this.#kernel = kernel;
    this.#options = options;
  }

  async run(): Promise<HealResult> {
    const { contents, storage, clock } = this.#repository;
    const { readPacks = false, parallel = 2, signal, onEvent } = this.#options;
    const abort = abortOptions({ signal });
    const stored = await StoredPacks.list(storage, clock, abort);
    const suspects: BlobID[] = [];
    const extents = packExtents(contents);
    for (const [pack, end] of extents) {
      if (readPacks || (stored.lengthOf(pack) ?? -1) < end) suspects.push(pack);
    }
    onEvent?.({ type: 'listed', packs: extents.size, suspects: suspects.length });
    for (let start = 0; start < suspects.length; start += PACKS_PER_ROUND) {
      const round = new Set(suspects.slice(start, start + PACKS_PER_ROUND));
      const infos = contentsByPack(contents, round);
      await forEachLimit(
        infos,
        { parallelism: Math.max(1, parallel), ...abort },
        ([pack, list], packSignal) => this.#heal(pack, list, packSignal),
      );
    }
    return { packs: this.#healed, bytesRead: this.#bytesRead };
  }

  async #heal(
    packBlobID: BlobID,
    infos: readonly ContentInfo[],
    signal: AbortSignal,
  ): Promise<void> {
    const { replica, dryRun = false, onEvent } = this.#options;
    const own = await this.#read(this.#repository.storage, packBlobID, infos, signal);
    this.#bytesRead += own?.bytes.length ?? 0;
    onEvent?.({ type: 'examined', packBlobID, bytes: own?.bytes.length ?? 0 });
    const problem = problemOf(own, infos);
    if (problem === undefined) return;
    const other =
      replica === undefined || problem === 'mended'
        ? undefined
        : await this.#read(replica, packBlobID, infos, signal);
    const best = this.#withRecoveryIndex(
      packBlobID,
      this.#combine(packBlobID, own, other, infos),
      infos,
    );
    const isBetter = best !== undefined && isBetterThan(best, own, infos.length);
    if (isBetter && !dryRun) await this.#write(packBlobID, best.bytes, signal);
    const lost = best?.lost ?? infos.map((info) => ({ info, error: missingPack(info) }));
    const healed = { packBlobID, problem, rewritten: isBetter, lost };
    this.#healed.push(healed);
    onEvent?.({ type: 'healed', ...healed });
  }

  /** Undefined if the pack is not there. */
  async #read(
    storage: BlobReader,
    id: BlobID,
    infos: readonly ContentInfo[],
    signal: AbortSignal,
  ): Promise<PackCopy | undefined> {
    try {
      const { length } = await storage.getMetadata(id, { signal });
      if (length > MAX_PACK_LENGTH) return undefined;
      const bytes = await storage.getBlob(id, { signal });
      return this.#examine(id, bytes, infos);
    } catch (error) {
      if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  #examine(id: BlobID, bytes: Uint8Array, infos: readonly ContentInfo[]): PackCopy {
    const recoveryIndex = readRecoveryIndex(this.#kernel, id, bytes).state;
    return { bytes, recoveryIndex, ...examinePack(this.#kernel, bytes, infos) };
  }

  /**
   * The best that can be made of two copies: the one with a sound recovery index, and so with all of its bytes, else
   * the one with fewer losses, with what it lacks out of the other one.
   */
  #combine(
    id: BlobID,
    own: PackCopy | undefined,
    other: PackCopy | undefined,
    infos: readonly ContentInfo[],
  ): PackCopy | undefined {
    if (own === undefined || other === undefined) return this.#mended(id, own ?? other, infos);
    const isOwnBase =
      own.recoveryIndex === other.recoveryIndex
        ? own.lost.length < other.lost.length
        : own.recoveryIndex === 'sound';
    const [base, giver] = isOwnBase ? [own, other] : [other, own];
    const lostByGiver = new Set(giver.lost.map(({ info }) => info));
    const giverBytes = patchedPack(giver.bytes, giver.patches);
    const given = base.lost
      .filter(({ info }) => !lostByGiver.has(info))
      .filter(({ info }) => info.packOffset + info.packedLength <= base.bytes.length)
      .map(({ info: { packOffset: offset, packedLength } }) => ({
        offset,
        bytes: giverBytes.subarray(offset, offset + packedLength),
      }));
    return this.#mended(id, { ...base, patches: [...base.patches, ...given] }, infos);
  }

  /** Examined again: what is written is what was found sound. */
  #mended(
    id: BlobID,
    copy: PackCopy | undefined,
    infos: readonly ContentInfo[],
  ): PackCopy | undefined {
    if (copy === undefined || copy.patches.length === 0) return copy;
    return this.#examine(id, patchedPack(copy.bytes, copy.patches), infos);
  }

  /** Where every content is sound the index says as much as the recovery index did. Behind all that is there: it may be of use. */
  #withRecoveryIndex(
    id: BlobID,
    copy: PackCopy | undefined,
    infos: readonly ContentInfo[],
  ): PackCopy | undefined {
    if (copy === undefined || copy.recoveryIndex === 'sound' || copy.lost.length > 0) return copy;
    const { indexVersion } = this.#repository.formatManager.current();
    const parts = { kernel: this.#kernel, random: webRandomSource, indexVersion };
    const trailer = encodePackTrailer(copy.bytes.length, infos, parts);
    return this.#examine(id, concatBytes([copy.bytes, trailer]), infos);
  }

  async #write(id: BlobID, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { storage } = this.#repository;
    await storage.putBlob(id, bytes, { signal });
    if (equalBytes(await storage.getBlob(id, { signal }), bytes)) return;
    throw new CorruptDataError(`pack ${id}: the storage does not hold what was written`, {
      blobID: id,
    });
  }
}

function problemOf(
  own: PackCopy | undefined,
  infos: readonly ContentInfo[],
): PackProblem | undefined {
  if (own === undefined) return 'missing';
  const { length } = own.bytes;
  if (infos.some(({ packOffset, packedLength }) => packOffset + packedLength > length)) {
    return 'short';
  }
  if (own.lost.length > 0) return 'damaged';
  if (own.recoveryIndex !== 'sound') return 'recovery-index';
  return own.patches.length > 0 ? 'mended' : undefined;
}

function isBetterThan(best: PackCopy, own: PackCopy | undefined, contents: number): boolean {
  const lostBefore = own?.lost.length ?? contents;
  if (own === undefined || best.lost.length !== lostBefore) return best.lost.length < lostBefore;
  if (best.recoveryIndex !== own.recoveryIndex) return best.recoveryIndex === 'sound';
  return own.patches.length > 0;
}

function missingPack({ contentID, packBlobID, packOffset }: ContentInfo): CorruptDataError {
  return new CorruptDataError(`content ${contentID}: its pack ${packBlobID} is missing`, {
    contentID,
    blobID: packBlobID,
    offset: packOffset,
  });
}
