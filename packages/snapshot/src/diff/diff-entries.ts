import type { AbortOptions, Repository } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import { readEntryDirectory } from '../repository-entry.ts';
import { listedEntry, differingFields, type Difference } from './difference.ts';

/**
 * Compares two entries and all that is below them, by name: differences as they are found, each directory before what
 * it holds. Equal objects end the descent. Holds the directories on the way down, of both sides. Fails at the first
 * directory that cannot be read.
 */
export async function* diffEntries(
  repository: Repository,
  before: DirEntry,
  after: DirEntry,
  options: AbortOptions = {},
): AsyncGenerator<Difference, void, void> {
  yield* compare({ repository, options }, '.', before, after);
}

interface Comparison {
  readonly repository: Repository;
  readonly options: AbortOptions;
}

async function* compare(
  comparison: Comparison,
  path: string,
  before: DirEntry | undefined,
  after: DirEntry | undefined,
): AsyncGenerator<Difference, void, void> {
  comparison.options.signal?.throwIfAborted();
  if (before === undefined || after === undefined) {
    const entry = before ?? after;
    if (entry === undefined) return;
    yield { type: before === undefined ? 'added' : 'removed', path, entry };
    if (entry.type === 'd') yield* compareChildren(comparison, path, before, after);
    return;
  }
  const fields = differingFields(before, after);
  if (before.objectID === after.objectID) {
    if (fields.length > 0) {
      yield { type: 'modified', path, before, after, fields, contentChanged: false };
    }
    return;
  }
  yield { type: 'modified', path, before, after, fields, contentChanged: true };
  if (before.type === 'd' && after.type === 'd') {
    yield* compareChildren(comparison, path, before, after);
  }
}

async function* compareChildren(
  comparison: Comparison,
  path: string,
  before: DirEntry | undefined,
  after: DirEntry | undefined,
): AsyncGenerator<Difference, void, void> {
  const old = await childrenOf(comparison, before);
  for (const [name, entry] of await childrenOf(comparison, after)) {
    const counterpart = old.get(name);
    old.delete(name);
    yield* compare(comparison, `${path}/${name}`, counterpart, entry);
  }
  for (const [name, entry] of old) yield* compare(comparison, `${path}/${name}`, entry, undefined);
}

/** By name. Of two entries with one name the last counts, as in Kopia. */
async function childrenOf(
  { repository, options }: Comparison,
  directory: DirEntry | undefined,
): Promise<Map<string, DirEntry>> {
  if (directory === undefined) return new Map();
  const { entries } = await readEntryDirectory(repository, directory, options);
  return new Map(entries.map((entry) => [entry.name, listedEntry(entry)]));
}
