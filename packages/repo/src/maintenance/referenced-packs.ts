import type { BlobID } from '../blob/storage.ts';
import type { ContentReader } from '../content/content-reader.ts';

/** Stored bytes of all contents of each pack that the index names, deleted contents included. One number for each pack. */
export function packTotals(contents: ContentReader): ReadonlyMap<BlobID, number> {
  const totals = new Map<BlobID, number>();
  for (const { packBlobID, packedLength } of contents.iterateContents({ includeDeleted: true })) {
    totals.set(packBlobID, (totals.get(packBlobID) ?? 0) + packedLength);
  }
  return totals;
}
