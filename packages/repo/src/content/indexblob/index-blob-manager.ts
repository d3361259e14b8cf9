import type { AbortOptions, BlobID, BlobMetadata } from '../../blob/storage.ts';
import type { EpochIndexBlobs } from './epoch-index-blobs.ts';
import type { LegacyIndexBlobs } from './legacy-index-blobs.ts';

/** The index blobs that together hold every entry, as of one moment. */
export interface ActiveIndexes {
  readonly blobs: readonly BlobMetadata[];
  /** Unix seconds; deleted entries up to it count as absent. Undefined: none. */
  readonly deletionWatermarkSeconds: number | undefined;
}

/** Says which index blobs count: all that reading needs. */
export interface ActiveIndexSource {
  loadActive(options?: AbortOptions): Promise<ActiveIndexes>;
  /** Forgets what is known: the next `loadActive` asks the storage. */
  invalidate(): void;
}

/** What both styles of index blobs do for writers. Maintenance differs: see the two implementations. */
export interface IndexBlobWriter extends ActiveIndexSource {
  /**
   * Commits index files. Every pack that they name must be durable. When it resolves all of them count
   * for everybody; if it rejects some may, which does no harm, and all may be written again.
   */
  writeIndexBlobs(
    files: readonly Uint8Array[],
    sessionID: string,
    options?: AbortOptions,
  ): Promise<readonly BlobID[]>;
}

/** Told apart by `style`: `epoch` where the epoch manager is enabled, else `legacy`. */
export type IndexBlobManager = EpochIndexBlobs | LegacyIndexBlobs;
