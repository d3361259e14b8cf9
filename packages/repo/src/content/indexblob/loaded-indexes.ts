import type { AbortOptions, BlobID, BlobMetadata } from '../../blob/storage.ts';
import type { Sleep } from '../../clock.ts';
import { hasCode } from '../../errors.ts';
import { Budget, forEachLimit } from '../../parallel.ts';
import { compactIndexes } from '../index/compact-indexes.ts';
import { MergedIndex } from '../index/merged-index.ts';
import type { PackIndex } from '../index/pack-index.ts';
import type { IndexBlobFetcher } from './index-blob-fetcher.ts';
import type { ActiveIndexSource } from './index-blob-manager.ts';

/** Index blobs may be replaced and deleted between being listed and being read. Kopia's numbers. */
const MAX_ATTEMPTS = 10;
const FIRST_DELAY_MS = 100;

/** Thousands of small index blobs take as long as their requests wait for answers: many are on their way at once. */
const DEFAULT_PARALLELISM = 32;

/** Bytes of index blobs being fetched, before they are opened; a larger one is fetched alone. */
const MAX_FETCH_BYTES: number = 32 * 1024 * 1024;

/** More separate indexes than this make each look-up noticeably slower: small ones are merged in memory. */
const MAX_SEGMENTS = 12;

/** Bytes of one merge, and so of what merging holds twice for a moment. */
const MAX_MERGE_BYTES: number = 24 * 1024 * 1024;

/** Indexes up to this size are always merged together. */
const SMALL_INDEX_BYTES: number = 1024 * 1024;

/** A larger one joins a merge only if it is at most this many times what is merged anyway. */
const MAGNITUDE = 4;

export interface LoadedIndexesOptions {
  readonly source: ActiveIndexSource;
  readonly fetcher: IndexBlobFetcher;
  readonly sleep: Sleep;
  /** Index blobs fetched at once, as far as their bytes allow; each takes about twice its size meanwhile. Default 32. */
  readonly parallelism?: number;
}

/** An index in memory and the blobs whose entries it holds. */
interface Segment {
  readonly index: PackIndex;
  readonly blobIDs: readonly BlobID[];
}

/**
 * The index of a repository in memory. A refresh fetches only blobs that are not loaded, lets go of those
 * that no longer count, and keeps the number of separate indexes small.
 */
export class LoadedIndexes {
  readonly #options: LoadedIndexesOptions;
  readonly #turn: Budget = new Budget(1);
  #segments: readonly Segment[] = [];
  /** Since the running refresh, or the last one, began. */
  #adopted: Segment[] = [];
  #merged: MergedIndex = new MergedIndex([]);

  constructor(options: LoadedIndexesOptions) {
    this.#options = options;
  }

  /** As of the last refresh; empty before the first. */
  get current(): MergedIndex {
    return this.#merged;
  }

  /** Asks the storage which index blobs count now and loads them. On failure the old index stays. */
  async refresh(options: AbortOptions = {}): Promise<MergedIndex> {
    const release = await this.#turn.acquire(1, options);
    try {
      this.#adopted = [];
      return await this.#refresh(options);
    } finally {
      release();
    }
  }

  /** Adds index files that were just committed, in the order of their blobs. */
  adopt(blobs: readonly BlobID[], files: readonly Uint8Array[]): MergedIndex {
    const added = blobs.map((id, position) => ({
      index: this.#options.fetcher.openFile(id, files[position]!),
      blobIDs: [id],
    }));
    this.#adopted.push(...added);
    return this.#replace([...this.#segments, ...added], this.#merged.deletionWatermarkSeconds);
  }

  async #refresh(options: AbortOptions): Promise<MergedIndex> {
    const { source, sleep } = this.#options;
    const known = [...this.#segments];
    for (let attempt = 1; ; attempt++) {
      source.invalidate();
      const active = await source.loadActive(options);
      const activeIDs = new Set(active.blobs.map(({ id }) => id));
      try {
        await this.#fetchMissing(active.blobs, known, options);
      } catch (error) {
        if (!hasCode(error, 'BLOB_NOT_FOUND') || attempt >= MAX_ATTEMPTS) throw error;
        await sleep(FIRST_DELAY_MS * 2 ** (attempt - 1), options.signal);
        continue;
      }
      // What was adopted meanwhile may be younger than the listing, and must not be lost again.
      const segments = selectSegments(known, activeIDs);
      const adopted = this.#adopted.filter(({ blobIDs: [id] }) => !activeIDs.has(id!));
      return this.#replace([...segments, ...adopted], active.deletionWatermarkSeconds);
    }
  }

  #replace(segments: readonly Segment[], watermark: number | undefined): MergedIndex {
    this.#segments = limitSegments(segments);
    const indexes = this.#segments.map(({ index }) => index);
    this.#merged = new MergedIndex(indexes, watermark);
    return this.#merged;
  }

  /** Adds what is missing to `known`, where it stays if another blob cannot be had. */
  async #fetchMissing(
    active: readonly BlobMetadata[],
    known: Segment[],
    options: AbortOptions,
  ): Promise<void> {
    const activeIDs = new Set(active.map(({ id }) => id));
    const loaded = new Set(selectSegments(known, activeIDs).flatMap(({ blobIDs }) => blobIDs));
    const missing = active.filter(({ id }) => !loaded.has(id));
    const { fetcher, parallelism = DEFAULT_PARALLELISM } = this.#options;
    const bytes = new Budget(MAX_FETCH_BYTES);
    await forEachLimit(missing, { ...options, parallelism }, async ({ id, length }, signal) => {
      const release = await bytes.acquire(length, { signal });
      try {
        known.push({ index: await fetcher.fetch(id, { signal }), blobIDs: [id] });
      } finally {
        release();
      }
    });
  }
}

/** Segments all of whose blobs still count. */
function selectSegments(segments: readonly Segment[], active: ReadonlySet<BlobID>): Segment[] {
  return segments.filter(({ blobIDs }) => blobIDs.every((id) => active.has(id)));
}

/**
 * Merges small indexes while there are many. Only blobs of one kind are merged with each other: kinds
 * are replaced at different times, and a segment has to be loaded anew when one of its blobs is. Only
 * sizes of one magnitude are merged, so that a large index is not merged again for each small one.
 */
function limitSegments(segments: readonly Segment[]): readonly Segment[] {
  if (segments.length <= MAX_SEGMENTS) return segments;
  return groupByKind(segments).flatMap((group) => splitBySize(group).flatMap(mergeSegments));
}

function splitBySize(group: readonly Segment[]): Segment[][] {
  const batches: Segment[][] = [];
  let batch: Segment[] = [];
  let batchBytes = 0;
  for (const segment of group.toSorted((a, b) => a.index.byteLength - b.index.byteLength)) {
    const { byteLength } = segment.index;
    const limit = Math.max(SMALL_INDEX_BYTES, MAGNITUDE * batchBytes);
    if (byteLength > limit || batchBytes + byteLength > MAX_MERGE_BYTES) {
      batches.push(batch);
      batch = [];
      batchBytes = 0;
    }
    batch.push(segment);
    batchBytes += byteLength;
  }
  batches.push(batch);
  return batches;
}

function groupByKind(segments: readonly Segment[]): Segment[][] {
  const groups = new Map<string, Segment[]>();
  for (const segment of segments) {
    const kind = blobKind(segment.blobIDs[0]!);
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [segment]);
    else group.push(segment);
  }
  return [...groups.values()];
}

/** `xn`, `xs`, `xr`, or `n` for legacy index blobs. */
function blobKind(id: BlobID): string {
  return id.startsWith('x') ? id.slice(0, 2) : id.slice(0, 1);
}

function mergeSegments(batch: readonly Segment[]): readonly Segment[] {
  if (batch.length < 2) return batch;
  const index = compactIndexes(batch.map((segment) => segment.index));
  if (index === undefined) return batch;
  return [{ index, blobIDs: batch.flatMap(({ blobIDs }) => blobIDs) }];
}
