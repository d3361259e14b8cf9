import { forEachLimit, LongshoreError, objectReference } from '@longshore/repo';
import { ContentWave, type WavePlace } from '../content-wave.ts';
import { readDirectoryBatch, takeDirectoryBatch } from '../directory-batch.ts';
import type { DirEntry } from '../dir-manifest.ts';
import { entryChunks, lengthMismatch, type EntryChunks } from '../entry-chunks.ts';
import { openObjectEntry } from '../repository-entry.ts';
import type { VerifyRoot } from './verify-options.ts';
import type { VerifyRun } from './verify-run.ts';

/** An entry whose object is met for the first time. */
export interface VisitedEntry {
  readonly path: string;
  readonly entry: DirEntry;
}

/** A file that is read; it is reported once, however many of its chunks are damaged. */
export interface VerifiedFile extends VisitedEntry {
  damaged: boolean;
  outstanding: number;
}

export interface VerifyPlace extends WavePlace {
  readonly file: VerifiedFile;
}

export type VerifyWave = ContentWave<VerifyPlace>;

/** Checks each distinct object and gives, wave by wave, what is to be read. */
export async function* planVerification(
  run: VerifyRun,
  roots: readonly VerifyRoot[],
): AsyncGenerator<VerifyWave, void, void> {
  let wave: VerifyWave = new ContentWave();
  for await (const files of distinctFiles(run, roots)) {
    for await (const { visited, list } of checkedFiles(run, files)) {
      const file = { ...visited, damaged: false, outstanding: list.chunks.length };
      for (const chunk of list.chunks) {
        wave.add({ chunk, contentID: objectReference(chunk.objectID).contentID, file });
        if (!wave.isFull) continue;
        yield wave;
        wave = new ContentWave();
      }
    }
    run.progress();
  }
  if (wave.places.length > 0) yield wave;
}

/** Files and symlinks below the roots, by batches of directories. Directories are checked on the way. */
async function* distinctFiles(
  run: VerifyRun,
  roots: readonly VerifyRoot[],
): AsyncGenerator<readonly VisitedEntry[], void, void> {
  for (const root of roots) {
    const entry = await entryOfRoot(run, root);
    if (entry === undefined) continue;
    const { name } = root;
    const stack: VisitedEntry[] = [];
    const files: VisitedEntry[] = [];
    sortInto(run, { path: name, entry }, stack, files);
    yield files;
    while (stack.length > 0) {
      run.signal.throwIfAborted();
      const batch = takeDirectoryBatch(
        run.repository,
        stack,
        ({ entry: { objectID } }) => objectID,
      );
      yield await entriesOf(run, batch, stack);
    }
  }
}

/** Undefined if it is an object that cannot be opened, which is then reported. */
async function entryOfRoot(run: VerifyRun, root: VerifyRoot): Promise<DirEntry | undefined> {
  if ('entry' in root) return root.entry;
  const { name, objectID, type } = root;
  try {
    const entry = await openObjectEntry(run.repository, objectID, { signal: run.signal });
    return { ...entry, type: type ?? entry.type };
  } catch (error) {
    run.report(name, { objectID }, error);
    return undefined;
  }
}

async function entriesOf(
  run: VerifyRun,
  batch: readonly VisitedEntry[],
  stack: VisitedEntry[],
): Promise<readonly VisitedEntry[]> {
  const results = await readDirectoryBatch(
    run.repository,
    batch.map(({ entry }) => entry.objectID),
    { memoryLimit: run.memoryLimit, parallelism: run.parallel, signal: run.signal },
  );
  const files: VisitedEntry[] = [];
  for (const [index, visited] of batch.entries()) {
    run.directories += 1;
    const result = results[index];
    if (result?.manifest === undefined) {
      run.report(visited.path, visited.entry, result?.error);
      continue;
    }
    // A cache may have given what the storage has lost.
    await checkObject(run, visited);
    for (const entry of result.manifest.entries) {
      sortInto(run, { path: `${visited.path}/${entry.name}`, entry }, stack, files);
    }
  }
  return files;
}

function sortInto(
  run: VerifyRun,
  visited: VisitedEntry,
  directories: VisitedEntry[],
  files: VisitedEntry[],
): void {
  const { path, entry } = visited;
  const { objectID, type } = entry;
  if (type !== 'd' && type !== 'f' && type !== 's') {
    run.report(
      path,
      entry,
      new LongshoreError('UNSUPPORTED', `unknown type ${JSON.stringify(type)}`),
    );
    return;
  }
  if (objectID === undefined) {
    run.report(path, entry, new LongshoreError('CORRUPT_DATA', 'the entry has no object'));
    return;
  }
  const seenSize = run.seenObjects.get(objectID);
  if (seenSize !== undefined && (seenSize === entry.size || type !== 'f')) return;
  run.seenObjects.set(objectID, entry.size);
  (type === 'd' ? directories : files).push(visited);
}

interface CheckedFile {
  readonly visited: VisitedEntry;
  readonly list: EntryChunks;
}

/** Those of `files` that are sound so far and are to be read. */
async function* checkedFiles(
  run: VerifyRun,
  files: readonly VisitedEntry[],
): AsyncGenerator<CheckedFile, void, void> {
  for (let start = 0; start < files.length; start += FILES_CHECKED_TOGETHER) {
    const checked: CheckedFile[] = [];
    const group = files.slice(start, start + FILES_CHECKED_TOGETHER);
    await forEachLimit(
      group,
      { parallelism: run.parallel, signal: run.signal },
      async (visited) => {
        run.files += 1;
        run.fileBytes += visited.entry.size;
        if (!(await checkObject(run, visited)) || !run.isChosen()) return;
        const list = await listChunks(run, visited);
        if (list !== undefined) checked.push({ visited, list });
      },
    );
    yield* checked;
  }
}

/** Bounds the chunk lists held at once. */
const FILES_CHECKED_TOGETHER = 64;

async function checkObject(run: VerifyRun, { path, entry }: VisitedEntry): Promise<boolean> {
  if (entry.objectID === undefined) return false;
  try {
    await run.checkBacking(entry.objectID);
    return true;
  } catch (error) {
    run.report(path, entry, error);
    return false;
  }
}

/** Undefined if the file is not as long as its entry says. The size of a symlink is but what a file system said. */
async function listChunks(
  run: VerifyRun,
  { path, entry }: VisitedEntry,
): Promise<EntryChunks | undefined> {
  try {
    const list = await entryChunks(run.repository, entry, { signal: run.signal });
    if (entry.type === 's' || list.length === entry.size) return list;
    throw lengthMismatch(entry, list);
  } catch (error) {
    run.report(path, entry, error);
    return undefined;
  }
}
