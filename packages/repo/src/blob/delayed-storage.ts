import type { Clock, EpochNanoseconds, Sleep } from '../clock.ts';
import { blobNotFoundError } from './byte-range.ts';
import { decorateStorage } from './decorate-storage.ts';
import type { StorageOperation } from './decorate-storage.ts';
import type { RandomNumber } from './seeded-random.ts';
import type { BlobID, BlobMetadata, BlobStorage } from './storage.ts';

export interface DelayedStorageOptions {
  readonly sleep: Sleep;
  /** Decides when a late change becomes visible. */
  readonly clock: Clock;
  readonly random: RandomNumber;
  /** Every call first waits for a time between these two. Default: no wait. */
  readonly latencyMilliseconds?: Partial<Record<StorageOperation, readonly [number, number]>>;
  /** Listings come in another order each time, shuffled within windows of this many blobs. Default 1: as they are. */
  readonly shuffleWindow?: number;
  /** For so long a listing still shows what was before a put or a delete. Default 0. */
  readonly lateListingNanoseconds?: bigint;
  /** For so long a newly created blob cannot be read. Default 0. */
  readonly lateReadNanoseconds?: bigint;
}

/** A change that listings or reads do not know of yet. */
interface RecentChange {
  readonly at: EpochNanoseconds;
  /** What a late listing still shows; undefined: nothing. */
  readonly before: BlobMetadata | undefined;
}

/**
 * A storage that is far away: slow, listing in any order and, if asked, late to show what was written. Late
 * visibility breaks the storage contract on purpose; it shows how the layers above bear it.
 */
export function createDelayedStorage(
  inner: BlobStorage,
  options: DelayedStorageOptions,
): BlobStorage {
  const { sleep, clock, random, shuffleWindow = 1 } = options;
  const { lateListingNanoseconds = 0n, lateReadNanoseconds = 0n } = options;
  const changes = new Map<BlobID, RecentChange>();

  async function latency(operation: StorageOperation, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const [least, most] = options.latencyMilliseconds?.[operation] ?? [0, 0];
    if (most > 0) await sleep(least + random() * (most - least), signal);
  }

  /** The change of this blob that is younger than `window`, if any. */
  function recent(id: BlobID, window: bigint): RecentChange | undefined {
    const change = changes.get(id);
    return change && clock() - change.at < window ? change : undefined;
  }

  /** Changes stand in the order of their time: drops those that everybody sees by now. */
  function forgetOld(): void {
    const now = clock();
    for (const [id, { at }] of changes) {
      if (now - at < lateListingNanoseconds || now - at < lateReadNanoseconds) return;
      changes.delete(id);
    }
  }

  async function remember<T>(id: BlobID, change: () => Promise<T>): Promise<T> {
    if (lateListingNanoseconds === 0n && lateReadNanoseconds === 0n) return change();
    const earlier = recent(id, lateListingNanoseconds);
    const before = earlier ? earlier.before : await metadataOrUndefined(inner, id);
    const result = await change();
    forgetOld();
    changes.delete(id);
    changes.set(id, { at: clock(), before });
    return result;
  }

  function checkReadable(id: BlobID): void {
    const change = recent(id, lateReadNanoseconds);
    if (change && !change.before) throw blobNotFoundError(id);
  }

  async function* visible(prefix: string, signal?: AbortSignal): AsyncGenerator<BlobMetadata> {
    await latency('list', signal);
    const shown = new Set<BlobID>();
    for await (const blob of inner.listBlobs(prefix, signal ? { signal } : {})) {
      const change = recent(blob.id, lateListingNanoseconds);
      shown.add(blob.id);
      if (!change) yield blob;
      else if (change.before) yield change.before;
    }
    for (const id of changes.keys()) {
      if (shown.has(id) || !id.startsWith(prefix)) continue;
      const change = recent(id, lateListingNanoseconds);
      if (change?.before) yield change.before;
    }
  }

  return decorateStorage(inner, {
    async getBlob(id, get = {}) {
      await latency('get', get.signal);
      checkReadable(id);
      return inner.getBlob(id, get);
    },
    async getMetadata(id, get = {}) {
      await latency('metadata', get.signal);
      checkReadable(id);
      return inner.getMetadata(id, get);
    },
    listBlobs: (prefix, list = {}) =>
      shuffled(visible(prefix, list.signal), { window: shuffleWindow, random, ...list }),
    async putBlob(id, data, put = {}) {
      await latency('put', put.signal);
      return remember(id, () => inner.putBlob(id, data, put));
    },
    async deleteBlob(id, remove = {}) {
      await latency('delete', remove.signal);
      return remember(id, () => inner.deleteBlob(id, remove));
    },
    async extendRetention(extend, id, retention, extension = {}) {
      await latency('extendRetention', extension.signal);
      return extend(id, retention, extension);
    },
  });
}

async function metadataOrUndefined(
  storage: BlobStorage,
  id: BlobID,
): Promise<BlobMetadata | undefined> {
  for await (const blob of storage.listBlobs(id)) if (blob.id === id) return blob;
  return undefined;
}

/** Holds at most `window` blobs and hands out one of them at random as each further one comes in. */
async function* shuffled(
  blobs: AsyncIterable<BlobMetadata>,
  options: { window: number; random: RandomNumber; signal?: AbortSignal },
): AsyncGenerator<BlobMetadata, void, void> {
  const { window, random, signal } = options;
  const held: BlobMetadata[] = [];
  const draw = (): BlobMetadata[] => held.splice(Math.floor(random() * held.length), 1);
  for await (const blob of blobs) {
    held.push(blob);
    signal?.throwIfAborted();
    if (held.length >= window) yield* draw();
  }
  while (held.length > 0) {
    signal?.throwIfAborted();
    yield* draw();
  }
}
