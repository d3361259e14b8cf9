import { COMPRESSION_HEADER_IDS } from '@longshore/repo';

const NAMES = new Map<number, string>(
  Object.entries(COMPRESSION_HEADER_IDS).map(([name, id]) => [id, name]),
);

/** Kopia's name of the compression with this header ID; undefined for 0 and for IDs that no one has used. */
export function compressionName(headerID: number): string | undefined {
  return NAMES.get(headerID);
}
