import { Buffer } from 'node:buffer';
import { PLACEHOLDER_SUFFIX } from '../entry.ts';
import { pickListed, ReusingListingScanner, type StoredListing } from '../stored-listing.ts';
import { compareListing } from './compare-listing.ts';
import { loadLibc } from './libc.ts';
import {
  createLocalLister,
  RECORD_WORDS,
  type LocalLister,
  type LocalListing,
} from './local-listing.ts';
import type { LocalPath } from './join-local-path.ts';

/** A local directory beside a stored one, in a form that moves between threads. */
export interface DirectoryComparison {
  /** Its entries, or only its directories if it is `same`; undefined: look at them one by one. */
  readonly local: LocalListing | undefined;
  /** The stored stream, back from where it was lent to. */
  readonly stored: Uint8Array;
  readonly same?: {
    /** Of the stored directories. */
    readonly listing: StoredListing;
    readonly fileCount: number;
    readonly totalSize: number;
    readonly contentKeys: Uint8Array<ArrayBuffer>;
    readonly keyLength: number;
  };
}

interface Tools {
  readonly lister: LocalLister;
  readonly scanner: ReusingListingScanner;
}

let tools: Tools | undefined;

export interface ComparisonInput {
  readonly path: LocalPath;
  readonly stored: Uint8Array;
  /** Names that make a closer look necessary. */
  readonly exceptions: readonly string[];
}

export function compareDirectory({
  path,
  stored,
  exceptions,
}: ComparisonInput): DirectoryComparison {
  tools ??= { lister: createLocalLister(loadLibc()), scanner: new ReusingListingScanner() };
  const local = tools.lister.list(path);
  if (local === undefined) return { local, stored };
  const listing = hasException(local, exceptions) ? undefined : tools.scanner.scan(stored);
  const same = listing === undefined ? undefined : compareListing(local, listing);
  if (listing === undefined || same === undefined) return { local: copyListing(local), stored };
  const { directories, storedDirectories, ...totals } = same;
  return {
    local: pick(local, directories),
    stored,
    same: { ...totals, listing: pickListed(listing, storedDirectories) },
  };
}

function copyListing({ count, names, nameEnds, records }: LocalListing): LocalListing {
  return { count, names: names.slice(), nameEnds: nameEnds.slice(), records: records.slice() };
}

function hasException(
  { names, nameEnds, count }: LocalListing,
  exceptions: readonly string[],
): boolean {
  const bytes = Buffer.from(names.buffer, names.byteOffset, names.byteLength);
  const isWhole = (start: number, length: number): boolean => {
    const index = lowerBound(nameEnds.subarray(0, count), start + length);
    return nameEnds[index] === start + length && (index === 0 ? 0 : nameEnds[index - 1]) === start;
  };
  for (const exception of exceptions) {
    const length = Buffer.byteLength(exception);
    for (let at = bytes.indexOf(exception); at >= 0; at = bytes.indexOf(exception, at + 1)) {
      if (isWhole(at, length)) return true;
    }
  }
  return bytes.includes(PLACEHOLDER_SUFFIX);
}

/** The first place in ascending numbers that is not below `value`. */
function lowerBound(numbers: Uint32Array, value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function pick(from: LocalListing, chosen: Uint32Array): LocalListing {
  const { names, nameEnds, records } = from;
  const parts: Uint8Array[] = [];
  const picked = {
    count: chosen.length,
    nameEnds: new Uint32Array(chosen.length),
    records: new Uint32Array(chosen.length * RECORD_WORDS),
  };
  let length = 0;
  for (const [place, index] of chosen.entries()) {
    const name = names.subarray(index === 0 ? 0 : nameEnds[index - 1], nameEnds[index]);
    parts.push(name);
    length += name.length;
    picked.nameEnds[place] = length;
    const record = records.subarray(index * RECORD_WORDS, (index + 1) * RECORD_WORDS);
    picked.records.set(record, place * RECORD_WORDS);
  }
  return { ...picked, names: new Uint8Array(Buffer.concat(parts)) };
}
