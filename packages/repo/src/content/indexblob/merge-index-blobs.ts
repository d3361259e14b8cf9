import { abortOptions, type AbortOptions, type BlobMetadata } from '../../blob/storage.ts';
import { forEachLimit } from '../../parallel.ts';
import type { IndexVersion } from '../../format/parameters.ts';
import type { ContentID } from '../content-id.ts';
import { buildIndexFromSorted } from '../index/index-builder.ts';
import { recordToInfo, type IndexRecord } from '../index/index-record.ts';
import { mergeRecords } from '../index/merge-records.ts';
import type { PackIndex } from '../index/pack-index.ts';
import type { IndexBlobFetcher } from './index-blob-fetcher.ts';

const FETCH_PARALLELISM = 4;

export interface MergeIndexBlobsOptions extends AbortOptions {
  readonly version: IndexVersion;
  readonly randomSuffix?: Uint8Array;
  /** Entries deleted before this (Unix seconds, exclusive) are left out. */
  readonly dropDeletedBeforeSeconds?: number | undefined;
  /** Their entries are left out, deleted or not. */
  readonly dropContents?: ReadonlySet<ContentID> | undefined;
}

/** The entries of several index blobs as new index files: conflicts first, then what is dropped. */
export async function mergeIndexBlobs(
  fetcher: IndexBlobFetcher,
  inputs: readonly BlobMetadata[],
  options: MergeIndexBlobsOptions,
): Promise<Uint8Array[]> {
  const { signal, dropDeletedBeforeSeconds, dropContents, ...build } = options;
  const indexes: PackIndex[] = [];
  await forEachLimit(
    inputs,
    { parallelism: FETCH_PARALLELISM, ...abortOptions({ signal }) },
    async ({ id }, fetchSignal) => {
      indexes.push(await fetcher.fetch(id, { signal: fetchSignal }));
    },
  );
  return buildIndexFromSorted(() => {
    const merged = mergeRecords(indexes);
    const kept =
      dropDeletedBeforeSeconds === undefined
        ? merged
        : withoutDeleted(merged, dropDeletedBeforeSeconds);
    return dropContents === undefined ? kept : withoutContents(kept, dropContents);
  }, build);
}

function* withoutContents(
  records: Iterable<IndexRecord>,
  dropped: ReadonlySet<ContentID>,
): Generator<IndexRecord, void> {
  for (const record of records) {
    if (!dropped.has(recordToInfo(record).contentID)) yield record;
  }
}

function* withoutDeleted(
  records: Iterable<IndexRecord>,
  beforeSeconds: number,
): Generator<IndexRecord, void> {
  for (const record of records) {
    if (!record.deleted || record.timestampSeconds >= beforeSeconds) yield record;
  }
}
