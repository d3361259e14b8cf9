import type { BlobID } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import type { ContentInfo } from '../content/content-info.ts';
import { forEachLimit } from '../parallel.ts';
import type { RepositoryWriter } from '../repository-contract.ts';
import { packTotals } from './referenced-packs.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';
import { abortOptions } from './task-storage.ts';

/** A pack with less than this share of the pack size is short. Kopia's number. */
const SHORT_PACK_PERCENT = 60;

/** A single short pack would be replaced by another short pack. */
const MIN_SHORT_PACKS = 2;

/** Contents that are read and sealed at once. */
const PARALLELISM = 8;

/** Contents after which the new index entries are committed, which bounds what is held in memory. */
const COMMIT_INTERVAL = 100_000;

export type PackLetter = 'p' | 'q';

/** Packs so short that their contents are worth moving together, of each letter separately. */
export function selectShortPacks(
  totals: ReadonlyMap<BlobID, number>,
  maxPackSize: number,
  letters: readonly PackLetter[],
): ReadonlySet<BlobID> {
  const limit = Math.floor((maxPackSize * SHORT_PACK_PERCENT) / 100);
  const selected = new Set<BlobID>();
  for (const letter of letters) {
    const short = [...totals].filter(([id, total]) => id.startsWith(letter) && total < limit);
    if (short.length >= MIN_SHORT_PACKS) for (const [id] of short) selected.add(id);
  }
  return selected;
}

/**
 * Stores the contents of short packs anew in fuller ones, where deleted contents stay deleted. The short
 * packs are left behind for the deletion of unreferenced packs. Fails at the first content that cannot be
 * read, without committing what it did since the last commit.
 */
export async function rewriteShortPacks(
  context: TaskContext,
  letters: readonly PackLetter[],
): Promise<MaintenanceStatistics> {
  const { repository } = context;
  const { maxPackSize } = repository.formatManager.current();
  const packs = selectShortPacks(packTotals(repository.contents), maxPackSize, letters);
  const rewrite = new ShortPackRewrite(context, packs);
  if (packs.size > 0) await rewrite.run();
  return { kind: 'rewriteContentsStats', data: rewrite.statistics() };
}

class ShortPackRewrite {
  readonly #context: TaskContext;
  readonly #packs: ReadonlySet<BlobID>;
  readonly #chosen = { count: 0, size: 0 };
  readonly #rewritten = { count: 0, size: 0 };
  readonly #retained = { count: 0, size: 0 };

  constructor(context: TaskContext, packs: ReadonlySet<BlobID>) {
    this.#context = context;
    this.#packs = packs;
  }

  async run(): Promise<void> {
    const { repository, dryRun } = this.#context;
    if (dryRun) {
      for (const info of this.#select()) this.#report(info);
      return;
    }
    const abort = abortOptions(this.#context);
    await using writer = repository.newWriter(abort);
    const batches = inBatches(this.#select(), COMMIT_INTERVAL);
    for (const batch of batches) {
      await forEachLimit(batch, { parallelism: PARALLELISM, ...abort }, (info, signal) =>
        this.#rewrite(writer, info, signal),
      );
      await writer.flush(abort);
    }
  }

  statistics(): object {
    return {
      toRewriteContentCount: this.#chosen.count,
      toRewriteContentSize: this.#chosen.size,
      rewrittenContentCount: this.#rewritten.count,
      rewrittenContentSize: this.#rewritten.size,
      retainedContentCount: this.#retained.count,
      retainedContentSize: this.#retained.size,
    };
  }

  /** From one view of the index, whatever is committed meanwhile. */
  *#select(): Generator<ContentInfo, void, void> {
    const { repository, startTime, safety } = this.#context;
    for (const info of repository.contents.iterateContents({ includeDeleted: true })) {
      if (!this.#packs.has(info.packBlobID)) continue;
      const age = startTime - BigInt(info.timestampSeconds) * NANOSECONDS_PER_SECOND;
      const counter = age < safety.rewriteMinAge ? this.#retained : this.#chosen;
      add(counter, info);
      if (counter === this.#chosen) yield info;
    }
  }

  async #rewrite(writer: RepositoryWriter, info: ContentInfo, signal: AbortSignal): Promise<void> {
    const { contentID, packBlobID } = info;
    // Somebody else may have moved or dropped it since the pass over the index began.
    if (writer.contents.contentInfo(contentID)?.packBlobID !== packBlobID) return;
    await writer.contents.rewriteContent(contentID, { signal });
    this.#report(info);
    add(this.#rewritten, info);
  }

  #report({ contentID, packBlobID, packedLength }: ContentInfo): void {
    this.#context.onChange({
      action: 'rewrite-content',
      id: contentID,
      bytes: packedLength,
      reason: `its pack ${packBlobID} is short`,
    });
  }
}

function add(counter: { count: number; size: number }, { packedLength }: ContentInfo): void {
  counter.count += 1;
  counter.size += packedLength;
}

function* inBatches<T>(items: Iterable<T>, size: number): Generator<T[], void, void> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
