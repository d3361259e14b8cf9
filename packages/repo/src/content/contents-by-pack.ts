import type { BlobID } from '../blob/storage.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentReader } from './content-reader.ts';

/** What the indexes say of some packs: one pass over all entries. Deleted contents, which may come back, included. */
export function contentsByPack(
  contents: ContentReader,
  packs: ReadonlySet<BlobID>,
): ReadonlyMap<BlobID, readonly ContentInfo[]> {
  const found = new Map<BlobID, ContentInfo[]>();
  for (const info of contents.iterateContents({ includeDeleted: true })) {
    const { packBlobID } = info;
    if (!packs.has(packBlobID)) continue;
    const infos = found.get(packBlobID);
    if (infos === undefined) found.set(packBlobID, [info]);
    else infos.push(info);
  }
  return found;
}

/** How far the contents of each pack reach, in bytes from its start. */
export function packExtents(contents: ContentReader): ReadonlyMap<BlobID, number> {
  const extents = new Map<BlobID, number>();
  for (const { packBlobID, packOffset, packedLength } of contents.iterateContents({
    includeDeleted: true,
  })) {
    const end = packOffset + packedLength;
    if (end > (extents.get(packBlobID) ?? -1)) extents.set(packBlobID, end);
  }
  return extents;
}
