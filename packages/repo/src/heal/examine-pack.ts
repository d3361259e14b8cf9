import { equalBytes } from '../bytes.ts';
import { hasCode } from '../errors.ts';
import type { ContentInfo } from '../content/content-info.ts';
import type { ContentKernel } from '../content/content-kernel.ts';
import { parsePostamble } from '../content/pack-layout.ts';

/** Bytes of a pack as they should be. */
export interface PackPatch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface LostContent {
  readonly info: ContentInfo;
  readonly error: unknown;
}

/** What became of the contents of a pack. */
export interface PackExamination {
  readonly lost: readonly LostContent[];
  /** Places where error correction had to mend the stored bytes. */
  readonly patches: readonly PackPatch[];
  /** Bytes of contents that were opened. */
  readonly authenticatedBytes: number;
}

/** Opens every content of a pack, and its recovery index where error correction protects that. */
export function examinePack(
  kernel: ContentKernel,
  pack: Uint8Array,
  infos: readonly ContentInfo[],
): PackExamination {
  const lost: LostContent[] = [];
  const patches: PackPatch[] = [];
  let authenticatedBytes = 0;
  for (const info of infos) {
    const { packOffset, packedLength } = info;
    const bytes = pack.subarray(packOffset, packOffset + packedLength);
    try {
      kernel.open({ info, bytes });
      authenticatedBytes += packedLength;
      const mended = reencoded(kernel, bytes);
      if (mended !== undefined) patches.push({ offset: packOffset, bytes: mended });
    } catch (error) {
      if (!hasCode(error, 'CORRUPT_DATA')) throw error;
      lost.push({ info, error });
    }
  }
  const index = recoveryIndexPatch(kernel, pack);
  if (index !== undefined) patches.push(index);
  return { lost, patches, authenticatedBytes };
}

/** A copy of the pack with all patches in it. */
export function patchedPack(pack: Uint8Array, patches: readonly PackPatch[]): Uint8Array {
  const copy = pack.slice();
  for (const { offset, bytes } of patches) copy.set(bytes, offset);
  return copy;
}

/**
 * What the writer stored, for error correction of the same bytes is always the same; undefined if it is what is there.
 * Damage of parity alone is found by this, too.
 */
function reencoded(kernel: ContentKernel, stored: Uint8Array): Uint8Array | undefined {
  const { errorCorrection } = kernel.parts;
  if (errorCorrection === undefined) return undefined;
  const { data } = errorCorrection.decode(stored, 'pack');
  const target = new Uint8Array(errorCorrection.encodedLength(data.length));
  errorCorrection.encodeInto(data, target);
  return target.length !== stored.length || equalBytes(target, stored) ? undefined : target;
}

function recoveryIndexPatch(kernel: ContentKernel, pack: Uint8Array): PackPatch | undefined {
  const postamble = kernel.parts.errorCorrection === undefined ? undefined : parsePostamble(pack);
  if (postamble === undefined) return undefined;
  const { localIndexOffset: offset, localIndexLength: length } = postamble;
  if (offset + length > pack.length) return undefined;
  try {
    const bytes = reencoded(kernel, pack.subarray(offset, offset + length));
    return bytes === undefined ? undefined : { offset, bytes };
  } catch (error) {
    if (!hasCode(error, 'CORRUPT_DATA')) throw error;
    return undefined;
  }
}
