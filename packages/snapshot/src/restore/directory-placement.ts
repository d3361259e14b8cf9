import { LongshoreError } from '@longshore/repo';
import type { DirEntry, DirManifest } from '../dir-manifest.ts';
import { PLACEHOLDER_SUFFIX } from '../entry.ts';
import { DirectoryNode } from './directory-node.ts';
import { mayHavePlaceholder, writePlaceholder } from './placeholder.ts';
import type { OutputDirectory, OutputKind } from './restore-output.ts';
import type { RestoreRun } from './restore-run.ts';

/** A directory that is yet to be loaded and made. */
export interface PendingDirectory {
  readonly entry: DirEntry;
  readonly path: string;
  /** Of the entries in it. */
  readonly depth: number;
  /** Held until this directory is finished or given up. */
  readonly parent: DirectoryNode | undefined;
  /** A placeholder of this name may stand for it in the parent. */
  readonly replaces: string | undefined;
  make(): Promise<OutputDirectory>;
}

/** A file or symlink whose content is to be fetched. */
export interface WantedEntry {
  readonly entry: DirEntry;
  readonly name: string;
  /** Held until the entry is restored or given up. */
  readonly directory: DirectoryNode;
  readonly replacesPlaceholder: boolean;
}

export interface Placement {
  readonly directories: readonly PendingDirectory[];
  readonly wanted: readonly WantedEntry[];
}

const NOTHING: Placement = { directories: [], wanted: [] };

/**
 * Makes a directory in the target and settles there whatever needs no content: extra entries, placeholders, files that
 * may stay. The result is what is left to do below it.
 */
export async function placeDirectory(
  run: RestoreRun,
  pending: PendingDirectory,
  manifest: DirManifest,
): Promise<Placement> {
  const { entry, path, depth, parent, replaces } = pending;
  const entries = distinctEntries(run, path, manifest.entries);
  let output: OutputDirectory;
  try {
    output = await pending.make();
    await deleteExtra(run, pending, output, entries);
  } catch (error) {
    run.fail(path, entry, error);
    await parent?.release();
    return NOTHING;
  }
  const node = new DirectoryNode(run, { entry, path, depth, output, parent, replaces });
  const placement = await placeEntries(run, node, entries);
  await node.release();
  return placement;
}

/** The entries of a directory by name. Of several with one name the last counts, as in Kopia. */
function distinctEntries(
  run: RestoreRun,
  path: string,
  entries: readonly DirEntry[],
): ReadonlyMap<string, DirEntry> {
  const byName = new Map<string, DirEntry>();
  for (const entry of entries) {
    const hidden = byName.get(entry.name);
    if (hidden !== undefined) {
      run.emit({
        type: 'entry-skipped',
        path: path === '' ? entry.name : `${path}/${entry.name}`,
        size: hidden.type === 'f' ? hidden.size : 0,
        reason: 'same-name',
      });
    }
    byName.set(entry.name, entry);
  }
  return byName;
}

async function deleteExtra(
  run: RestoreRun,
  { path, depth }: PendingDirectory,
  output: OutputDirectory,
  entries: ReadonlyMap<string, DirEntry>,
): Promise<void> {
  if (run.options.deleteExtra !== true || output.created) return;
  const kept = new Map<string, OutputKind>();
  for (const [name, entry] of entries) {
    const { type } = entry;
    kept.set(name, type === 'd' || type === 'f' || type === 's' ? type : 'other');
    if (isPlaceholderDue(run, depth, name, entry)) {
      kept.set(name + PLACEHOLDER_SUFFIX, type === 'd' ? 'd' : 'f');
    }
  }
  const count = await output.deleteExtra(kept);
  if (count > 0) run.emit({ type: 'extra-deleted', path, count });
}

/** Sorts the entries of one directory into what is settled now and what is left to do. */
export async function placeEntries(
  run: RestoreRun,
  node: DirectoryNode,
  entries: ReadonlyMap<string, DirEntry>,
): Promise<Placement> {
  const directories: PendingDirectory[] = [];
  const wanted: WantedEntry[] = [];
  for (const [name, entry] of entries) {
    run.signal.throwIfAborted();
    const path = node.pathOf(name);
    const replacesPlaceholder = !node.output.created && !entries.has(name + PLACEHOLDER_SUFFIX);
    try {
      if (isPlaceholderDue(run, node.depth, name, entry)) {
        await writePlaceholder(node.output, name, entry);
        run.emit({ type: 'placeholder-written', path });
      } else if (entry.type === 'd') {
        node.hold();
        directories.push({
          entry,
          path,
          depth: node.depth + 1,
          parent: node,
          replaces: replacesPlaceholder ? name : undefined,
          make: async () => node.output.createDirectory(name, entry),
        });
      } else if (await isThere(node, name, entry)) {
        run.emit({ type: 'entry-skipped', path, size: entry.size, reason: 'existing' });
      } else {
        node.hold();
        wanted.push({ entry, name, directory: node, replacesPlaceholder });
      }
    } catch (error) {
      run.fail(path, entry, error);
    }
  }
  return { directories, wanted };
}

async function isThere(
  { output }: DirectoryNode,
  name: string,
  { type, mode, mtime, uid, gid, size }: DirEntry,
): Promise<boolean> {
  if (type !== 'f' && type !== 's') {
    throw new LongshoreError('UNSUPPORTED', `type ${JSON.stringify(type)} cannot be restored`);
  }
  if (type === 's' || output.created) return false;
  return output.hasFile(name, { mode, mtime, uid, gid, size });
}

/** `depth` is that of the entry. */
function isPlaceholderDue(
  { options }: RestoreRun,
  depth: number,
  name: string,
  { type, size }: DirEntry,
): boolean {
  if (depth <= (options.restoreDirEntryAtDepth ?? Number.POSITIVE_INFINITY)) return false;
  if (type === 'f' && size < (options.minSizeForPlaceholder ?? 0)) return false;
  return (type === 'd' || type === 'f') && mayHavePlaceholder(name);
}
