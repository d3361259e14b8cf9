import { abortOptions, type BlobID } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND, type EpochNanoseconds } from '../clock.ts';
import { contentNotFound } from '../content/committed-contents.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import { forEachLimit } from '../parallel.ts';
import type { RepositoryWriter } from '../repository-contract.ts';
import { packTotals } from './referenced-packs.ts';
import type { MaintenanceStatistics } from './schedule.ts';
import type { TaskContext } from './tasks.ts';

/** A pack with less than this share of the pack size is short. Kopia's number. */
const SHORT_PACK_PERCENT = 60;

/** A single short pack would be replaced by another short pack. */
const MIN_SHORT_PACKS = 2;

/** Contents that are read and sealed at once. */
const PARALLELISM = 8;

/**
 * Nanoseconds. Readers may look into an emptied pack for an hour after the last record, and a writer commits by
 * itself every ten minutes.
 */
const RECORD_INTERVAL: EpochNanoseconds = 5n * 60n * NANOSECONDS_PER_SECOND;

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

/** Which contents to store anew: all that one of these names. */
export interface RewriteSelection {
  readonly contentIDs?: readonly ContentID[];
  /** Of short packs with these letters. */
  readonly shortPacks?: readonly PackLetter[];
  /** Written with this format version. */
  readonly formatVersion?: number;
  /** Not for contents that are named: only from packs whose name begins so. */
  readonly packPrefix?: string;
  /** Restricts `formatVersion`. */
  readonly isInRange?: (id: ContentID) => boolean;
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
  return rewriteSelected(context, { shortPacks: letters });
}

/** As {@link rewriteShortPacks}, for any contents. CONTENT_NOT_FOUND if one that is named is not there. */
export async function rewriteSelected(
  context: TaskContext,
  selection: RewriteSelection,
  parallelism: number = PARALLELISM,
): Promise<MaintenanceStatistics> {
  const rewrite = new ContentRewrite(context, selectContents(context, selection), parallelism);
  await rewrite.run();
  return { kind: 'rewriteContentsStats', data: rewrite.statistics() };
}

/** A content to be stored anew, and why. */
interface SelectedContent {
  readonly info: ContentInfo;
  readonly reason: string;
}

/** From one view of the index, whatever is committed meanwhile. */
function* selectContents(
  { repository }: TaskContext,
  selection: RewriteSelection,
): Generator<SelectedContent, void, void> {
  const { contents, formatManager } = repository;
  const { contentIDs = [], shortPacks = [], formatVersion, packPrefix = '' } = selection;
  for (const id of contentIDs) {
    const info = contents.contentInfo(id);
    if (info === undefined) throw contentNotFound(id);
    yield { info, reason: 'it was asked for' };
  }
  const totals = shortPacks.length === 0 ? new Map<BlobID, number>() : packTotals(contents);
  const wanted = new Map([...totals].filter(([id]) => id.startsWith(packPrefix)));
  const short = selectShortPacks(wanted, formatManager.current().maxPackSize, shortPacks);
  if (short.size === 0 && formatVersion === undefined) return;
  for (const info of contents.iterateContents({ includeDeleted: true })) {
    const { packBlobID, contentID } = info;
    if (short.has(packBlobID)) {
      yield { info, reason: `its pack ${packBlobID} is short` };
    } else if (
      info.formatVersion === formatVersion &&
      packBlobID.startsWith(packPrefix) &&
      selection.isInRange?.(contentID) !== false
    ) {
      yield { info, reason: `it was written with format version ${formatVersion}` };
    }
  }
}

class ContentRewrite {
  readonly #context: TaskContext;
  readonly #selected: Iterable<SelectedContent>;
  readonly #parallelism: number;
  readonly #chosen = { count: 0, size: 0 };
  readonly #rewritten = { count: 0, size: 0 };
  readonly #retained = { count: 0, size: 0 };
  #recordedAt: EpochNanoseconds = 0n;
  #recording: Promise<void> | undefined;

  constructor(context: TaskContext, selected: Iterable<SelectedContent>, parallelism: number) {
    this.#context = context;
    this.#selected = selected;
    this.#parallelism = parallelism;
  }

  async run(): Promise<void> {
    const { repository, dryRun } = this.#context;
    if (dryRun) {
      for (const selected of this.#oldEnough()) this.#report(selected);
      return;
    }
    const abort = abortOptions(this.#context);
    await using writer = repository.newWriter(abort);
    const batches = inBatches(this.#oldEnough(), COMMIT_INTERVAL);
    for (const batch of batches) {
      await forEachLimit(batch, { parallelism: this.#parallelism, ...abort }, (selected, signal) =>
        this.#rewrite(writer, selected, signal),
      );
      if (this.#recording !== undefined) await this.#recordProgress();
      await writer.flush(abort);
    }
  }

  /** Before each commit, so that packs which it empties are not taken for old garbage, whatever ends this process. */
  async #recordProgress(): Promise<void> {
    const now = this.#context.repository.clock();
    if (this.#recording === undefined || now - this.#recordedAt >= RECORD_INTERVAL) {
      this.#recordedAt = now;
      this.#recording = this.#context.recordProgress();
    }
    await this.#recording;
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

  *#oldEnough(): Generator<SelectedContent, void, void> {
    const { startTime, safety } = this.#context;
    for (const selected of this.#selected) {
      const { info } = selected;
      const age = startTime - BigInt(info.timestampSeconds) * NANOSECONDS_PER_SECOND;
      const counter = age < safety.rewriteMinAge ? this.#retained : this.#chosen;
      add(counter, info);
      if (counter === this.#chosen) yield selected;
    }
  }

  async #rewrite(
    writer: RepositoryWriter,
    selected: SelectedContent,
    signal: AbortSignal,
  ): Promise<void> {
    const { contentID, packBlobID } = selected.info;
    // Somebody else may have moved or dropped it since the pass over the index began.
    if (writer.contents.contentInfo(contentID)?.packBlobID !== packBlobID) return;
    await this.#recordProgress();
    await writer.contents.rewriteContent(contentID, { signal });
    this.#report(selected);
    add(this.#rewritten, selected.info);
  }

  #report({ info: { contentID, packedLength }, reason }: SelectedContent): void {
    this.#context.onChange({
      action: 'rewrite-content',
      id: contentID,
      bytes: packedLength,
      reason,
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
