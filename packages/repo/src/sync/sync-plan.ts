import type { BlobID, BlobMetadata } from '../blob/storage.ts';

/**
 * What is copied before what: packs, then everything that names nothing, then the indexes that name packs, then what
 * says which indexes count, then what clients act upon. Wherever a copy ends, no index names a pack that is not there.
 * The format blob comes last of all: without it nobody takes the target for a repository.
 */
const PHASES = [
  isPack,
  (id) => !/^(?:kopia\.|x|n|m|l)/.test(id),
  (id) => /^(?:n|x[nsr])/.test(id),
  (id) => /^[xml]/.test(id),
  (id) => id !== 'kopia.repository',
  () => true,
] as const satisfies readonly ((id: BlobID) => boolean)[];

export const SYNC_PHASE_COUNT: number = PHASES.length;

export function syncPhase(id: BlobID): number {
  return PHASES.findIndex((belongs) => belongs(id));
}

/** Prefixes of blobs that name others: only what was there before packs were listed is sure to have its packs copied. */
export const NAMING_PREFIXES = ['n', 'x', 'm', 'l'] as const;

export function isPack(id: BlobID): boolean {
  return /^[pq]/.test(id);
}

/** Names made of a hash or of chance: such a blob is written once, and two under one name that differ are not both whole. */
export function isImmutable(id: BlobID): boolean {
  return /^(?:[pqnmls_]|x[nsr])/.test(id);
}

export function namesOthers(id: BlobID): boolean {
  return /^[nxml]/.test(id);
}

export interface SyncCandidate {
  readonly source: BlobMetadata;
  /** What the target has under the same name. */
  readonly target: BlobMetadata | undefined;
}

/** Missing, of another length, or, with `update`, older than the source's. */
export function isToCopy({ source, target }: SyncCandidate, update: boolean): boolean {
  if (target === undefined || target.length !== source.length) return true;
  return update && source.timestamp > target.timestamp;
}
