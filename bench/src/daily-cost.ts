import type { EstimateAnswer } from './runners/estimate.ts';
import type { StorageProbe } from './runners/probe-storage.ts';
import { chooseUploads } from './choices.ts';

/** What a snapshot costs. */
export interface Cost {
  readonly readBytes: number;
  /** Everything that is put: packs, indexes, and the rest. */
  readonly storedBytes: number;
  readonly packs: number;
  readonly requests: number;
  /** With a storage that takes no time, or the one that was measured. */
  readonly seconds: number;
}

export interface Costs {
  readonly first: Cost;
  readonly daily: Cost;
  readonly changedFiles: number;
  readonly changedBytes: number;
}

const DEFAULT_PACK_SIZE = 20 * 1024 ** 2;

/**
 * A day's snapshot is one of nothing changed, and what changed at the rates of the first one: as if every byte of a
 * changed file were new, which is the most that it can cost. `changedPercent` of the bytes instead of what the times
 * of the files say.
 */
export function estimateCosts(
  { first, unchanged, changes }: EstimateAnswer,
  options: { readonly changedPercent?: number | undefined; readonly storage?: StorageProbe } = {},
): Costs {
  const { changedPercent, storage } = options;
  const changedBytes = Math.min(
    first.bytes,
    changedPercent === undefined
      ? changes.bytes / changes.days
      : (first.bytes * changedPercent) / 100,
  );
  const share = first.bytes === 0 ? 0 : changedBytes / first.bytes;
  const changedFiles = Math.min(
    first.files,
    changedPercent === undefined ? changes.files / changes.days : first.files * share,
  );
  // Each changed file makes its folder and those above be written anew; at most all of them are.
  const folderShare = Math.min(1, changedFiles / Math.max(1, first.folders));
  const packBytes = first.packBytes * share;
  const packs = packBytes === 0 ? 0 : Math.ceil(packBytes / DEFAULT_PACK_SIZE);
  const dailyStored =
    unchanged.packBytes + unchanged.otherBytes + packBytes + first.otherBytes * folderShare;
  const cost = (plain: Cost): Cost =>
    storage === undefined ? plain : { ...plain, seconds: withStorage(plain, storage) };
  return {
    changedBytes,
    changedFiles,
    first: cost({
      readBytes: first.bytes,
      storedBytes: first.packBytes + first.otherBytes,
      packs: first.packs,
      requests: first.requests,
      seconds: first.seconds,
    }),
    daily: cost({
      readBytes: changedBytes,
      storedBytes: dailyStored,
      packs: packs + unchanged.packs,
      requests: unchanged.requests + packs,
      seconds: unchanged.seconds + first.seconds * share,
    }),
  };
}

/** Computing and uploading go on at the same time; requests other than packs come one after another. */
function withStorage(cost: Cost, storage: StorageProbe): number {
  const { best } = chooseUploads(storage.puts);
  const uploading = cost.storedBytes / best.bytesPerSecond;
  const single = Math.max(0, cost.requests - cost.packs);
  const waiting = single * Math.max(storage.getSeconds, storage.putSeconds);
  return Math.max(cost.seconds, uploading) + waiting;
}
