import { CorruptDataError, encodeUtf8, LongshoreError, parseGoJSON } from '@longshore/repo';
import { encodeDirEntry, parseDirEntry, type DirEntry } from '../dir-manifest.ts';
import { PLACEHOLDER_SUFFIX } from '../entry.ts';
import type { OutputDirectory } from './restore-output.ts';

/** Bytes of a name that common file systems take. */
const MAX_NAME_BYTES = 255;
const WRITE_BITS = 0o222;
const DIRECTORY_MODE = 0o700;

/** The file that holds the entry, in the directory that stands for a directory. */
export const DIRECTORY_PLACEHOLDER_NAME: string = PLACEHOLDER_SUFFIX;

/** False: with the suffix, the name would be too long, and the entry has to be restored itself. */
export function mayHavePlaceholder(name: string): boolean {
  return encodeUtf8(name).length + PLACEHOLDER_SUFFIX.length <= MAX_NAME_BYTES;
}

/** What is in a placeholder. Source: docs/format/placeholder.md. */
export function encodePlaceholder(entry: DirEntry): Uint8Array {
  return encodeUtf8(`${encodeDirEntry(placeholderEntry(entry))}\n`);
}

/** The entry that a placeholder stands for. CORRUPT_DATA naming `what` if it is none. */
export function parsePlaceholder(bytes: Uint8Array, what: string): DirEntry {
  const entry = parseDirEntry(parseGoJSON(bytes, what, { firstValueOnly: true }), what);
  if ((entry.type !== 'f' && entry.type !== 'd') || entry.objectID === undefined) {
    throw new CorruptDataError(`${what}: stands for no file and no directory`);
  }
  return entry;
}

/** As Kopia shows entries: a directory has the size and the newest time of all that is in it. */
function placeholderEntry(entry: DirEntry): DirEntry {
  const { summary } = entry;
  if (entry.type !== 'd' || summary === undefined) return entry;
  return { ...entry, size: summary.size, mtime: summary.maxTime };
}

/**
 * Leaves a placeholder for an entry that is not restored. ALREADY_EXISTS if the entry itself is there: a later
 * snapshot could not tell which of the two counts.
 */
export async function writePlaceholder(
  directory: OutputDirectory,
  name: string,
  entry: DirEntry,
): Promise<void> {
  if (!directory.created && (await directory.kindOf(name)) !== undefined) {
    throw new LongshoreError(
      'ALREADY_EXISTS',
      `no placeholder for ${JSON.stringify(name)}: the entry itself is there`,
    );
  }
  if (entry.type !== 'd') {
    await writePlaceholderFile(directory, name + PLACEHOLDER_SUFFIX, entry);
    return;
  }
  const { mtime, uid, gid } = placeholderEntry(entry);
  const attributes = { mode: DIRECTORY_MODE, mtime, uid, gid };
  const standIn = await directory.createDirectory(name + PLACEHOLDER_SUFFIX, attributes);
  await writePlaceholderFile(standIn, DIRECTORY_PLACEHOLDER_NAME, entry);
  await standIn.finish(attributes);
}

async function writePlaceholderFile(
  directory: OutputDirectory,
  name: string,
  entry: DirEntry,
): Promise<void> {
  const { mode, mtime, uid, gid } = placeholderEntry(entry);
  const bytes = encodePlaceholder(entry);
  const file = await directory.createFile(name, {
    mode: mode & ~WRITE_BITS,
    mtime,
    uid,
    gid,
    size: bytes.length,
  });
  if (file === undefined) return;
  try {
    await file.writeAt(0, bytes);
    await file.finish();
  } finally {
    await file.abandon();
  }
}
