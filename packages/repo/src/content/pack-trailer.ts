import type { RandomSource } from '../clock.ts';
import { invariant } from '../errors.ts';
import type { IndexVersion } from '../format/parameters.ts';
import type { ContentInfo } from './content-info.ts';
import type { ContentKernel } from './content-kernel.ts';
import { buildIndex } from './index/index-builder.ts';
import { encodePostamble, paddingLength } from './pack-layout.ts';

export interface PackTrailerOptions {
  readonly kernel: ContentKernel;
  readonly random: RandomSource;
  readonly indexVersion: IndexVersion;
}

/** padding || sealed recovery index || postamble, for the end of a pack of `length` bytes. Source: docs/format/pack.md. */
export function encodePackTrailer(
  length: number,
  entries: readonly ContentInfo[],
  { kernel, random, indexVersion }: PackTrailerOptions,
): Uint8Array {
  const randomSuffix = new Uint8Array(32);
  random(randomSuffix);
  const [localIndex, ...others] = buildIndex(entries, { version: indexVersion, randomSuffix });
  invariant(localIndex !== undefined && others.length === 0, 'a pack has one recovery index');
  const padding = paddingLength(length);
  // The recovery index is sealed under its whole hash, unlike everything else.
  const iv = kernel.parts.hash.hash(localIndex);
  const sealedLength = kernel.sealedLength(localIndex.length);
  const postamble = encodePostamble({
    iv,
    localIndexOffset: length + padding,
    localIndexLength: sealedLength,
  });
  const trailer = new Uint8Array(padding + sealedLength + postamble.length);
  random(trailer.subarray(0, padding));
  kernel.sealItemInto(localIndex, iv, trailer.subarray(padding, padding + sealedLength));
  trailer.set(postamble, padding + sealedLength);
  return trailer;
}
