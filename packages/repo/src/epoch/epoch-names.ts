import { parseBlobID, type BlobID, type BlobMetadata } from '../blob/storage.ts';

/*
 * xe<E>                              epoch E has begun
 * xw<seconds>                        deletion watermark
 * xn<E>_<hash>-<session>-c<N>        written in epoch E
 * xs<E>_<hash>-s<16 hex>-c<N>        everything of epoch E, merged
 * xr<A>_<B>_<hash>-s<16 hex>-c<N>    everything of epochs A to B, merged
 * Source: docs/format/index-blobs-and-epochs.md.
 */
/** Of all of them. */
export const EPOCH_PREFIX = 'x';
export const EPOCH_MARKER_PREFIX = 'xe';
export const WATERMARK_PREFIX = 'xw';
export const UNCOMPACTED_PREFIX = 'xn';
export const SINGLE_EPOCH_PREFIX = 'xs';
export const RANGE_PREFIX = 'xr';

/** Epochs last ten minutes or more: nineteen years of the shortest. Beyond it a name is not believed. */
export const MAX_EPOCH = 1_000_000;

/** Epochs `first` to `last`, both included. */
export interface EpochRange {
  readonly first: number;
  readonly last: number;
}

export function epochMarkerName(epoch: number): BlobID {
  return parseBlobID(`${EPOCH_MARKER_PREFIX}${epoch}`);
}

export function watermarkName(seconds: number): BlobID {
  return parseBlobID(`${WATERMARK_PREFIX}${seconds}`);
}

/** Prefix of the names of all blobs written in an epoch. */
export function uncompactedPrefix(epoch: number): string {
  return `${UNCOMPACTED_PREFIX}${epoch}_`;
}

export function singleEpochPrefix(epoch: number): string {
  return `${SINGLE_EPOCH_PREFIX}${epoch}_`;
}

export function rangePrefix({ first, last }: EpochRange): string {
  return `${RANGE_PREFIX}${first}_${last}_`;
}

/** The number behind a two-letter prefix and before the first `_`; undefined if there is none. */
export function parseEpochNumber(id: BlobID): number | undefined {
  const match = /^x[a-z](\d+)(?:_|$)/.exec(id);
  return match === null ? undefined : Number(match[1]);
}

/** The epochs that a range blob covers; undefined if its name says none. */
export function parseEpochRange(id: BlobID): EpochRange | undefined {
  const match = /^xr(\d+)_(\d+)_/.exec(id);
  if (match === null) return undefined;
  return { first: Number(match[1]), last: Number(match[2]) };
}

/** The epochs that an index blob stands for: one, or those of a range; undefined if its name says none. */
export function parseEpochs(id: BlobID): EpochRange | undefined {
  if (id.startsWith(RANGE_PREFIX)) return parseEpochRange(id);
  if (!id.startsWith(SINGLE_EPOCH_PREFIX) && !id.startsWith(UNCOMPACTED_PREFIX)) return undefined;
  const epoch = parseEpochNumber(id);
  return epoch === undefined ? undefined : { first: epoch, last: epoch };
}

/** Unix seconds; undefined if the name is malformed, which makes the blob none. */
export function parseWatermark(id: BlobID): number | undefined {
  const match = /^xw(\d+)$/.exec(id);
  const seconds = Number(match?.[1]);
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

/** `-s…-c<N>` at the end of a name; a blob without it is a whole set by itself. */
export interface BlobSet {
  readonly setID: string;
  readonly size: number;
}

export function parseBlobSet(id: BlobID): BlobSet | undefined {
  const [, setID, count] = id.split('-');
  if (setID === undefined || !setID.startsWith('s')) return undefined;
  const match = /^c(\d+)$/.exec(count ?? '');
  return match === null ? undefined : { setID, size: Number(match[1]) };
}

/** The first set of blobs that is complete, in the order of the list; undefined if none is. */
export function findCompleteSet(
  blobs: readonly BlobMetadata[],
): readonly BlobMetadata[] | undefined {
  const sets = new Map<string, BlobMetadata[]>();
  for (const blob of blobs) {
    const set = parseBlobSet(blob.id);
    if (set === undefined) return [blob];
    const members = sets.get(set.setID) ?? [];
    members.push(blob);
    sets.set(set.setID, members);
    if (members.length === set.size) return members;
  }
  return undefined;
}
