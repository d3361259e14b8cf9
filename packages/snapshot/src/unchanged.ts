import type { DirEntry } from './dir-manifest.ts';
import type { EntryMetadata } from './entry.ts';

/** What the source says about a file or symlink now. */
export type LocalMetadata = Pick<
  EntryMetadata,
  'name' | 'rawName' | 'mode' | 'size' | 'mtime' | 'uid' | 'gid'
> & { readonly type: string };

/** Permission bits, setuid, setgid and sticky: Go's portable mode bits. */
const COMPARED_MODE_BITS = 0o777 | (1 << 23) | (1 << 22) | (1 << 20);

/**
 * True if an entry of an earlier snapshot still stands for the local one, so that its object can be taken over
 * without reading a byte. A name that is not valid UTF-8 is stored mangled and never matches.
 */
export function isUnchanged(previous: DirEntry, local: LocalMetadata): boolean {
  return (
    previous.type === local.type &&
    previous.objectID !== undefined &&
    previous.mtime === BigInt.asIntN(64, local.mtime) &&
    previous.size === local.size &&
    (previous.mode & COMPARED_MODE_BITS) === (local.mode & COMPARED_MODE_BITS) &&
    previous.uid === local.uid &&
    previous.gid === local.gid &&
    local.rawName === undefined &&
    previous.name === local.name
  );
}
