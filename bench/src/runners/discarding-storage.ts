import {
  bytesLength,
  createMemoryStorage,
  createSystemClock,
  type BlobMetadata,
  type BlobStorage,
} from '@longshore/repo';

/** What a storage was asked to keep. */
export interface DiscardedTotals {
  /** Puts of packs with file contents, which are forgotten. */
  packs: number;
  packBytes: number;
  /** Puts of everything else, which is kept in memory. */
  otherBlobs: number;
  otherBytes: number;
  /** Requests of any kind; a page of a listing holds 1,000 blobs. */
  requests: number;
}

/**
 * A storage that counts packs of file contents and forgets them, and keeps the little else there is: what a snapshot
 * costs shows without writing it. File contents cannot be read back.
 */
export function createDiscardingStorage(): {
  readonly storage: BlobStorage;
  readonly totals: DiscardedTotals;
} {
  const memory = createMemoryStorage({ clock: createSystemClock() });
  const totals: DiscardedTotals = {
    packs: 0,
    packBytes: 0,
    otherBlobs: 0,
    otherBytes: 0,
    requests: 0,
  };
  const storage: BlobStorage = {
    displayName: 'nowhere',
    capabilities: memory.capabilities,
    async putBlob(id, data, options) {
      totals.requests += 1;
      const length = bytesLength(data);
      if (!id.startsWith('p')) {
        totals.otherBlobs += 1;
        totals.otherBytes += length;
        return memory.putBlob(id, data, options);
      }
      totals.packs += 1;
      totals.packBytes += length;
    },
    async getBlob(id, options) {
      totals.requests += 1;
      return memory.getBlob(id, options);
    },
    async getMetadata(id, options) {
      totals.requests += 1;
      return memory.getMetadata(id, options);
    },
    async deleteBlob(id, options) {
      totals.requests += 1;
      return memory.deleteBlob(id, options);
    },
    async *listBlobs(prefix, options): AsyncGenerator<BlobMetadata, void, void> {
      let count = 0;
      for await (const blob of memory.listBlobs(prefix, options)) {
        if (count++ % 1000 === 0) totals.requests += 1;
        yield blob;
      }
      if (count === 0) totals.requests += 1;
    },
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  return { storage, totals };
}
