import { parseDirManifest, type DirManifest } from './dir-manifest.ts';
import { listedEntry, listedSummary } from './listed-entry.ts';
import { scanStoredListing } from './stored-listing.ts';

/** What {@link parseDirManifest} gives, several times faster for streams in the form that Kopia and longshore write. */
export function parseDirectoryStream(bytes: Uint8Array, what: string): DirManifest {
  const listing = scanStoredListing(bytes);
  if (listing === undefined) return parseDirManifest(bytes, what);
  return {
    entries: Array.from({ length: listing.count }, (_, index) => listedEntry(listing, index, what)),
    summary: listedSummary(listing, what),
  };
}
