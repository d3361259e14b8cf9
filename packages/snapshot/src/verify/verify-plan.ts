import { forEachLimit, LongshoreError, objectReference, type ObjectID } from '@longshore/repo';
import { ContentWave, type WavePlace } from '../content-wave.ts';
import { readDirectoryBatch, takeDirectoryBatch } from '../directory-batch.ts';
import type { DirEntry } from '../dir-manifest.ts';
import {
  directChunks,
  entryChunks,
  isIndirect,
  lengthMismatch,
  type EntryChunks,
} from '../entry-chunks.ts';
import { openObjectEntry } from '../repository-entry.ts';
import type { VerifyRoot } from './verify-options.ts';
import type { VerifyRun } from './verify-run.ts';

/** An entry whose object is met for the first time. */
export interface VisitedEntry {
  readonly path: string;
  readonly entry: DirEntry;
}

/** A file that is read; it is reported once, however many of its chunks are damaged. */
export interface VerifiedFile {
  readonly path: string;
  readonly objectID: ObjectID | undefined;
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
    for (let start = 0; start < files.length; start += FILES_CHECKED_TOGETHER) {
      const group = files.slice(start, start + FILES_CHECKED_TOGETHER);
      for (const { visited, list } of await checkFiles(run, group)) {
        const file = {
          path: visited.path,
          objectID: list.objectID,
          damaged: false,
          outstanding: list.chunks.length,
        };
        for (const chunk of list.chunks) {
          wave.add({ chunk, contentID: objectReference(chunk.objectID).contentID, file });
          if (!wave.isFull) continue;
          yield wave;
          wave = new ContentWave();
        }
      }
    }
  }
  if (wave.places.length > 0) yield wave;
}

/** Files and symlinks below the roots, those of one directory at a time. Directories are checked on the way. */
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
    run.progress();
    while (stack.length > 0) {
      run.signal.throwIfAborted();
      const batch = takeDirectoryBatch(
        run.repository,
        stack,
        ({ entry: { objectID } }) => objectID,
      );
      yield* filesOf(run, batch, stack);
      run.progress();
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

async function* filesOf(
  run: VerifyRun,
  batch: readonly VisitedEntry[],
  stack: VisitedEntry[],
): AsyncGenerator<readonly VisitedEntry[], void, void> {
  const loaded = await readDirectoryBatch(
    run.repository,
    batch.map(({ entry }) => entry.objectID),
    { memoryLimit: run.memoryLimit, parallelism: run.parallel, signal: run.signal },
  );
  for (const [index, visited] of batch.entries()) {
    run.directories += 1;
    const result = loaded[index]?.parse();
    if (result?.manifest === undefined) {
      run.report(visited.path, visited.entry, result?.error);
      continue;
    }
    // A cache may have given what the storage has lost.
    await checkObject(run, visited);
    const files: VisitedEntry[] = [];
    for (const entry of result.manifest.entries) {
      sortInto(run, { path: `${visited.path}/${entry.name}`, entry }, stack, files);
    }
    yield files;
  }
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

/** Bounds the chunk lists held at once. */
const FILES_CHECKED_TOGETHER = 64;

/** Those that are sound so far and are to be read. Only index objects, and packs that were not listed, are waited for. */
async function checkFiles(
  run: VerifyRun,
  files: readonly VisitedEntry[],
): Promise<readonly CheckedFile[]> {
  const checked: CheckedFile[] = [];
  const waiting: VisitedEntry[] = [];
  for (const visited of files) {
    run.files += 1;
    run.fileBytes += visited.entry.size;
    const isSound = checkAtOnce(run, visited);
    if (isSound === undefined) waiting.push(visited);
    else if (isSound && run.isChosen()) addListed(run, visited, checked);
  }
  const { parallel: parallelism, signal } = run;
  await forEachLimit(waiting, { parallelism, signal }, async (visited) => {
    if (!(await checkObject(run, visited)) || !run.isChosen()) return;
    if (isIndirect(visited.entry)) await addRead(run, visited, checked);
    else addListed(run, visited, checked);
  });
  return checked;
}

/** Undefined: something has to be asked of the storage first. */
function checkAtOnce(run: VerifyRun, { path, entry }: VisitedEntry): boolean | undefined {
  if (entry.objectID === undefined) return false;
  try {
    return run.checkBackingAtOnce(entry.objectID) ? true : undefined;
  } catch (error) {
    run.report(path, entry, error);
    return false;
  }
}

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

/** For an entry whose object is a content as it is. */
function addListed(run: VerifyRun, visited: VisitedEntry, checked: CheckedFile[]): void {
  try {
    const list = directChunks(run.repository, visited.entry);
    checkListLength(visited, list);
    checked.push({ visited, list });
  } catch (error) {
    run.report(visited.path, visited.entry, error);
  }
}

/** The same for one whose index objects have to be read. */
async function addRead(
  run: VerifyRun,
  visited: VisitedEntry,
  checked: CheckedFile[],
): Promise<void> {
  try {
    const list = await entryChunks(run.repository, visited.entry, { signal: run.signal });
    checkListLength(visited, list);
    checked.push({ visited, list });
  } catch (error) {
    run.report(visited.path, visited.entry, error);
  }
}

/** The size of a symlink is but what a file system said. */
function checkListLength({ entry }: VisitedEntry, list: EntryChunks): void {
  if (entry.type !== 's' && list.length !== entry.size) throw lengthMismatch(entry, list);
}
