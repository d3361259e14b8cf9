import {
  abortOptions,
  type AbortOptions,
  type BlobMetadata,
  type BlobReader,
} from '../../blob/storage.ts';
import { CorruptDataError } from '../../errors.ts';
import { parsePostamble } from '../pack-layout.ts';
import { openPackIndex, type OpenIndexOptions, type PackIndex } from './pack-index.ts';

/** The usual recovery index fits in as many last bytes of a pack. Kopia's number. */
const TAIL_LENGTH = 8192;

/** Opens the recovery index, sealed under the whole hash of its plaintext. */
export interface RecoveryIndexOpener {
  openUnderWholeHash(hash: Uint8Array, bytes: Uint8Array, what: string): Uint8Array;
}

/**
 * The recovery index at the end of a pack: entries of all its contents, and of deletions that were
 * committed with it. Times are the original ones, so that they lose against anything newer. A pack
 * without a recovery index, or with a damaged one, is CORRUPT_DATA.
 */
export async function recoverPackIndex(
  storage: BlobReader,
  pack: BlobMetadata,
  opener: RecoveryIndexOpener,
  options: AbortOptions & OpenIndexOptions,
): Promise<PackIndex> {
  const { signal } = options;
  const abort = abortOptions({ signal });
  const what = `recovery index of pack ${pack.id}`;
  const tailStart = Math.max(0, pack.length - TAIL_LENGTH);
  const range = { offset: tailStart, length: pack.length - tailStart };
  const tail = await storage.getBlob(pack.id, { ...abort, range });
  const postamble = parsePostamble(tail);
  if (postamble === undefined) throw corrupt(pack, `${what}: no postamble`);
  const { iv, localIndexOffset: offset, localIndexLength: length } = postamble;
  const end = offset + length;
  if (end >= pack.length) throw corrupt(pack, `${what}: reaches beyond the pack`);
  const sealed =
    offset >= tailStart
      ? tail.subarray(offset - tailStart, end - tailStart)
      : await storage.getBlob(pack.id, { ...abort, range: { offset, length } });
  return openPackIndex(opener.openUnderWholeHash(iv, sealed, what), what, options);
}

function corrupt(pack: BlobMetadata, message: string): CorruptDataError {
  return new CorruptDataError(message, { blobID: pack.id });
}
