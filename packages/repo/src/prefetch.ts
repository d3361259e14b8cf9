import type { AbortOptions, BlobID } from './blob/storage.ts';
import type { CommittedContents } from './content/committed-contents.ts';
import { contentPrefix, type ContentID } from './content/content-id.ts';
import type { ContentInfo } from './content/content-info.ts';
import { hasCode } from './errors.ts';
import type { ObjectID } from './object/object-id.ts';
import type { OpenRepository } from './repository.ts';

/** When a pack is prefetched as a whole: from so many wanted contents with so many stored bytes on. */
interface WholePacks {
  readonly contents: number;
  readonly bytes: number;
}

/** Kopia's hints and their numbers; it takes any other word for `default`. */
const HINTS: ReadonlyMap<string, WholePacks> = new Map([
  ['default', { contents: 2, bytes: 5_000_000 }],
  ['contents', { contents: Infinity, bytes: Infinity }],
  ['blobs', { contents: 0, bytes: 0 }],
]);

/** Counts, but reads nothing. */
const NOTHING = 'none';

export interface PrefetchResult {
  /** Contents that were asked for and that an index names. */
  readonly contents: number;
  /** False: the repository was opened without a cache, and nothing was read. */
  readonly isCached: boolean;
}

export interface PrefetchObjectsOptions extends AbortOptions {
  /** Whether packs are kept as a whole: `default`, `contents`, `blobs` or `none`. */
  readonly hint?: string;
  /** An object that lacks a content; the others are prefetched. */
  readonly onIncomplete?: (id: ObjectID) => void;
}

/**
 * Has the cache keep what objects stand on, and with it all other contents of packs that are mostly needed. What it has
 * no room for it drops again.
 */
export async function prefetchObjects(
  repository: OpenRepository,
  ids: Iterable<ObjectID>,
  { hint = 'default', onIncomplete, ...abort }: PrefetchObjectsOptions = {},
): Promise<PrefetchResult> {
  const wanted = new Set<ContentID>();
  for (const id of ids) {
    try {
      for await (const contentID of repository.verifyObject(id, abort)) wanted.add(contentID);
    } catch (error) {
      if (!hasCode(error, 'CONTENT_NOT_FOUND')) throw error;
      onIncomplete?.(id);
    }
  }
  const { contents } = repository;
  const isCached = contents.fetcher.hasCache;
  if (isCached && hint !== NOTHING) {
    const packs = wholePacks(contents, wanted, HINTS.get(hint) ?? HINTS.get('default')!);
    await contents.fetcher.prefetch(contentsOf(contents, wanted, packs), abort);
  }
  return { contents: wanted.size, isCached };
}

/** Has the cache keep every content that is no file data: directories, manifests, index objects. */
export async function prefetchMetadata(
  { contents }: OpenRepository,
  options: AbortOptions & { readonly parallelism?: number } = {},
): Promise<PrefetchResult> {
  let count = 0;
  const metadata = function* (): Generator<ContentInfo> {
    for (const info of contents.iterateContents()) {
      if (contentPrefix(info.contentID) === '') continue;
      count += 1;
      yield info;
    }
  };
  await contents.fetcher.prefetch(metadata(), options);
  return { contents: count, isCached: contents.fetcher.hasCache };
}

function wholePacks(
  contents: CommittedContents,
  wanted: Iterable<ContentID>,
  whole: WholePacks,
): ReadonlySet<BlobID> {
  const demands = new Map<BlobID, { contents: number; bytes: number }>();
  for (const id of wanted) {
    const info = contents.contentInfo(id);
    if (info === undefined) continue;
    const demand = demands.get(info.packBlobID) ?? { contents: 0, bytes: 0 };
    demand.contents += 1;
    demand.bytes += info.packedLength;
    demands.set(info.packBlobID, demand);
  }
  const packs = new Set<BlobID>();
  for (const [pack, demand] of demands) {
    if (demand.contents >= whole.contents && demand.bytes >= whole.bytes) packs.add(pack);
  }
  return packs;
}

function* contentsOf(
  contents: CommittedContents,
  wanted: Iterable<ContentID>,
  packs: ReadonlySet<BlobID>,
): Generator<ContentInfo> {
  for (const id of wanted) {
    const info = contents.contentInfo(id);
    if (info !== undefined && !packs.has(info.packBlobID)) yield info;
  }
  if (packs.size === 0) return;
  for (const info of contents.iterateContents()) {
    if (packs.has(info.packBlobID)) yield info;
  }
}
