import type { AbortOptions } from '../blob/storage.ts';
import { LongshoreError } from '../errors.ts';
import type { OpenWritableRepository } from '../repository.ts';

const PACK_PREFIXES = ['q', 'p'] as const;

/**
 * CORRUPT_DATA if the index names nothing at all although there are packs. Every repository has at least
 * manifests: an empty index is a lost one, by which each pack would pass for garbage.
 */
export async function refuseLostIndex(
  { contents, storage }: OpenWritableRepository,
  options: AbortOptions,
): Promise<void> {
  for (const _ of contents.iterateContents({ includeDeleted: true })) return;
  for (const prefix of PACK_PREFIXES) {
    for await (const { id } of storage.listBlobs(prefix, options)) {
      throw new LongshoreError(
        'CORRUPT_DATA',
        `the index names no content at all, but the storage has packs such as ${id}: index blobs seem to be lost, so ` +
          'maintenance does nothing. Packs are indexed again with "index recover"',
        { blobID: id },
      );
    }
  }
}
