import type { BlobID } from '../blob/storage.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import { openPackIndex } from '../content/index/pack-index.ts';
import { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import { parsePostamble } from '../content/pack-layout.ts';
import { CorruptDataError, hasCode } from '../errors.ts';

/** What a pack says of itself. `absent`: it does not end in a postamble, so that nobody finds its recovery index. */
export type RecoveryIndex =
  | { readonly state: 'sound'; readonly entries: readonly ContentInfo[] }
  | { readonly state: 'damaged' | 'absent'; readonly error: unknown };

/** Reads the recovery index of a pack that is in memory; entries are those of contents that lie in this pack. */
export function readRecoveryIndex(
  kernel: ContentKernel,
  id: BlobID,
  pack: Uint8Array,
): RecoveryIndex {
  const what = `recovery index of pack ${id}`;
  const corrupt = (how: string): CorruptDataError =>
    new CorruptDataError(`${what}: ${how}`, { blobID: id });
  const postamble = parsePostamble(pack);
  if (postamble === undefined) return { state: 'absent', error: corrupt('no postamble') };
  const { iv, localIndexOffset: offset, localIndexLength: length } = postamble;
  try {
    if (offset + length > pack.length) throw corrupt('reaches beyond the pack');
    const sealed = pack.subarray(offset, offset + length);
    const plaintext = new BlobSealer(kernel.parts).openUnderWholeHash(iv, sealed, what);
    const index = openPackIndex(plaintext, what, { v1Overhead: kernel.parts.cipher.overhead });
    const entries: ContentInfo[] = [];
    for (let entry = 0; entry < index.entryCount; entry++) {
      const info = index.infoAt(entry);
      // Deletions that were committed with the pack name other packs.
      if (info.packBlobID === id || info.packBlobID === '') entries.push(info);
    }
    return { state: 'sound', entries };
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return { state: 'damaged', error };
  }
}
