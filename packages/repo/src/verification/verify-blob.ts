import type { BlobID } from '../blob/storage.ts';
import type { ContentID } from '../content/content-id.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import type { BlobSealer } from '../content/indexblob/blob-sealing.ts';
import { hasCode } from '../errors.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from '../format/format-blob.ts';
import { examinePack } from '../heal/examine-pack.ts';
import { readRecoveryIndex } from '../heal/read-recovery-index.ts';

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
 * the latter itself, which has to be there; random filling has no authenticity. `infos`: what the indexes say of a pack.
 */
export function verifyBlob(
  id: BlobID,
  bytes: Uint8Array,
  infos: readonly ContentInfo[],
  { kernel, sealer }: { readonly kernel: ContentKernel; readonly sealer: BlobSealer },
): VerifiedBlob {
  try {
    if (/^[pq]/.test(id)) return verifyPack(id, bytes, infos, kernel);
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
): VerifiedBlob {
  const examined = examinePack(kernel, bytes, infos);
  const named = new Set(infos.map(({ packOffset }) => packOffset));
  const recovery = readRecoveryIndex(kernel, id, bytes);
  const entries = recovery.state === 'sound' ? recovery.entries : [];
  const unnamed = entries.filter(({ packOffset }) => !named.has(packOffset));
  const others = examinePack(kernel, bytes, unnamed);
  const recoveryError = recovery.state === 'sound' ? undefined : recovery.error;
  const error = examined.lost[0]?.error ?? recoveryError ?? others.lost[0]?.error;
  const lostContents = examined.lost.map(({ info }) => info.contentID);
  return {
    damage: error === undefined ? undefined : { blobID: id, lostContents, error },
    mended: examined.patches.length > 0 || others.patches.length > 0,
  };
}
