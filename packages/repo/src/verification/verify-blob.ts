import type { BlobID } from '../blob/storage.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import { openPackIndex } from '../content/index/pack-index.ts';
import type { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import { parsePostamble } from '../content/pack-layout.ts';
import { CorruptDataError, hasCode } from '../errors.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from '../format/format-blob.ts';
import { examinePack } from '../heal/examine-pack.ts';

/** Blobs that are sealed as a whole: indexes of both styles, session markers, logs, and the rotation's own state. */
const SEALED = /^(?:x[nsr]\d|[nmls][0-9a-f]|_log_|longshore\.verification_)/;

/** Damage of a blob. */
export interface BlobDamage {
  readonly blobID: BlobID;
  /** Those that cannot be read any more; empty for blobs that are no packs, and for contents that nothing names. */
  readonly lostContents: readonly ContentID[];
  /** The first one. */
  readonly error: unknown;
}

export interface VerifiedBlob {
  readonly damage: BlobDamage | undefined;
  /** Error correction had to mend stored bytes, or would have to if more were lost: the blob should be written anew. */
  readonly mended: boolean;
}

/**
 * Authenticates a whole blob. In a pack that is every content that an index or the pack's own recovery index names, and
 * the latter itself; random filling has no authenticity. `infos`: what the indexes say of a pack.
 */
export function verifyBlob(
  id: BlobID,
  bytes: Uint8Array,
  infos: readonly ContentInfo[],
  { kernel, sealer }: { readonly kernel: ContentKernel; readonly sealer: BlobSealer },
): VerifiedBlob {
  try {
    if (/^[pq]/.test(id)) return verifyPack(id, bytes, infos, kernel, sealer);
    // Epoch markers and watermarks are plain, and say everything with their names.
    if (SEALED.test(id)) sealer.open(id, bytes);
    else if (id === FORMAT_BLOB_ID) parseFormatBlob(bytes);
    return { damage: undefined, mended: false };
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return { damage: { blobID: id, lostContents: [], error }, mended: false };
  }
}

function verifyPack(
  id: BlobID,
  bytes: Uint8Array,
  infos: readonly ContentInfo[],
  kernel: ContentKernel,
  sealer: BlobSealer,
): VerifiedBlob {
  const examined = examinePack(kernel, bytes, infos);
  const named = new Set(infos.map(({ packOffset }) => packOffset));
  const recovery = recoveryEntries(id, bytes, kernel, sealer);
  const unnamed = recovery.entries.filter(({ packOffset }) => !named.has(packOffset));
  const others = examinePack(kernel, bytes, unnamed);
  const error = examined.lost[0]?.error ?? recovery.error ?? others.lost[0]?.error;
  const lostContents = examined.lost.map(({ info }) => info.contentID);
  return {
    damage: error === undefined ? undefined : { blobID: id, lostContents, error },
    mended: examined.patches.length > 0 || others.patches.length > 0,
  };
}

/** What the pack itself says is in it. A pack without a postamble says nothing, and that is allowed. */
function recoveryEntries(
  id: BlobID,
  pack: Uint8Array,
  kernel: ContentKernel,
  sealer: BlobSealer,
): { readonly entries: readonly ContentInfo[]; readonly error?: unknown } {
  const postamble = parsePostamble(pack);
  if (postamble === undefined) return { entries: [] };
  const { iv, localIndexOffset: offset, localIndexLength: length } = postamble;
  const what = `recovery index of pack ${id}`;
  try {
    if (offset + length > pack.length) {
      throw new CorruptDataError(`${what}: reaches beyond the pack`, { blobID: id });
    }
    const plaintext = sealer.openUnderWholeHash(iv, pack.subarray(offset, offset + length), what);
    const index = openPackIndex(plaintext, what, { v1Overhead: kernel.parts.cipher.overhead });
    const entries: ContentInfo[] = [];
    for (let entry = 0; entry < index.entryCount; entry++) {
      const info = index.infoAt(entry);
      // Deletions that were committed with the pack name other packs.
      if (info.packBlobID === id || info.packBlobID === '') entries.push(info);
    }
    return { entries };
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return { entries: [], error };
  }
}
