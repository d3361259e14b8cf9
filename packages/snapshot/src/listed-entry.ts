import { CorruptDataError, decodeUtf8, parseObjectID, type ObjectID } from '@longshore/repo';
import { parseDirSummaryJSON, type DirEntry, type DirSummary } from './dir-manifest.ts';
import {
  GID,
  LISTING_STRIDE,
  MODE,
  MTIME_NANOSECONDS,
  MTIME_SECONDS,
  NAME_START,
  OBJECT_START,
  SIZE,
  SUMMARY_END,
  SUMMARY_START,
  TYPE,
  UID,
  type StoredListing,
} from './stored-listing.ts';

/** The entry as `parseDirManifest` gives it; CORRUPT_DATA naming `what` where that would refuse it. */
export function listedEntry(listing: StoredListing, index: number, what: string): DirEntry {
  const { bytes, rows } = listing;
  const row = index * LISTING_STRIDE;
  const text = (column: number): string =>
    decodeUtf8(bytes.subarray(rows[row + column], rows[row + column + 1]), what);
  const object = text(OBJECT_START);
  const summaryStart = rows[row + SUMMARY_START]!;
  const type = rows[row + TYPE]!;
  const entry = {
    name: text(NAME_START),
    type: type === 0 ? '' : String.fromCharCode(type),
    mode: rows[row + MODE]!,
    size: rows[row + SIZE]!,
    mtime:
      BigInt(rows[row + MTIME_SECONDS]!) * 1_000_000_000n + BigInt(rows[row + MTIME_NANOSECONDS]!),
    uid: rows[row + UID]!,
    gid: rows[row + GID]!,
    objectID: object === '' ? undefined : storedObjectID(object, what),
  };
  if (summaryStart === 0) return entry;
  const summary = bytes.subarray(summaryStart, rows[row + SUMMARY_END]);
  return { ...entry, summary: parseDirSummaryJSON(summary, what) };
}

/** The totals of the directory itself. */
export function listedSummary(listing: StoredListing, what: string): DirSummary {
  const { bytes, summaryStart, summaryEnd } = listing;
  return parseDirSummaryJSON(bytes.subarray(summaryStart, summaryEnd), what);
}

function storedObjectID(text: string, what: string): ObjectID {
  try {
    return parseObjectID(text);
  } catch (cause) {
    throw new CorruptDataError(`${what}: obj is not an object ID`, { field: 'obj', cause });
  }
}
