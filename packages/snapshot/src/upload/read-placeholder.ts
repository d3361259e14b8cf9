import { LongshoreError, type AbortOptions } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { PLACEHOLDER_SUFFIX, type DirectoryEntry, type FileEntry } from '../entry.ts';
import { checkEntryName } from '../restore/entry-name.ts';
import { DIRECTORY_PLACEHOLDER_NAME, parsePlaceholder } from '../restore/placeholder.ts';

/** Bytes. A real one has a few hundred. */
const MAX_PLACEHOLDER_BYTES = 64 * 1024;

/**
 * The entry that a file, or a directory, named like a placeholder stands for: see docs/format/placeholder.md.
 * SOURCE_UNREADABLE if there is none in it, so that the entry counts as failed and is not taken for data.
 */
export async function readPlaceholder(
  entry: FileEntry | DirectoryEntry,
  options: AbortOptions = {},
): Promise<DirEntry> {
  const file = entry.type === 'f' ? entry : await placeholderIn(entry, options);
  const bytes = new Uint8Array(MAX_PLACEHOLDER_BYTES);
  const length = file.readWhole(bytes);
  try {
    if (length === undefined) throw new Error(`more than ${MAX_PLACEHOLDER_BYTES} bytes`);
    const found = parsePlaceholder(bytes.subarray(0, length), `placeholder ${entry.name}`);
    // Anybody may leave such a file: it must not stand for a sibling, or for a path.
    checkEntryName(found.name, entry.name);
    if (found.name + PLACEHOLDER_SUFFIX !== entry.name) {
      throw new Error(`it stands for ${JSON.stringify(found.name)}`);
    }
    return found;
  } catch (cause) {
    throw notAPlaceholder(entry, cause);
  }
}

async function placeholderIn(directory: DirectoryEntry, options: AbortOptions): Promise<FileEntry> {
  const children = await directory.readChildren(options);
  const file = children.find(({ name }) => name === DIRECTORY_PLACEHOLDER_NAME);
  if (file?.type === 'f') return file;
  throw notAPlaceholder(directory, new Error(`no file ${DIRECTORY_PLACEHOLDER_NAME} in it`));
}

function notAPlaceholder({ name }: FileEntry | DirectoryEntry, cause: unknown): LongshoreError {
  return new LongshoreError(
    'SOURCE_UNREADABLE',
    `${name} has the name of a placeholder and is none: ${cause instanceof Error ? cause.message : String(cause)}`,
    { path: name, cause },
  );
}
