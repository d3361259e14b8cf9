import { CorruptDataError, objectReference, type ObjectChunk } from '@longshore/repo';
import { ContentWave, type WavePlace } from '../content-wave.ts';
import { isDamage } from '../damage.ts';
import { readDirectoryBatch, takeDirectoryBatch } from '../directory-batch.ts';
import type { DirEntry } from '../dir-manifest.ts';
import {
  directChunks,
  entryChunks,
  isIndirect,
  lengthMismatch,
  type EntryChunks,
} from '../entry-chunks.ts';
import { FileSink, SymlinkSink, type ContentSink } from './content-sink.ts';
import { DirectoryNode } from './directory-node.ts';
import {
  placeDirectory,
  placeEntries,
  type PendingDirectory,
  type WantedEntry,
} from './directory-placement.ts';
import type { RestoreRun } from './restore-run.ts';

/** Index objects that are read ahead. */
const READ_AHEAD_LISTS = 16;

/** Bytes of the files whose chunk lists are read ahead: at the smallest usual chunk, 131 072 chunks. */
const READ_AHEAD_FILE_BYTES = 16 * 1024 * 1024 * 1024;

/** Bytes of a symlink's target that are believed; no file system takes more than 64 KiB. */
const MAX_SYMLINK_TARGET = 64 * 1024;

export interface RestorePlace extends WavePlace {
  readonly sink: ContentSink;
}

export type RestoreWave = ContentWave<RestorePlace>;

/**
 * What to fetch, wave by wave. Walks the tree ahead of the waves and makes its directories on the way. With
 * `keepsOrder`, the waves up to then complete every file that they begin before anything else is made.
 */
export async function* planWaves(
  run: RestoreRun,
  root: DirEntry,
  { keepsOrder }: { readonly keepsOrder: boolean },
): AsyncGenerator<RestoreWave, void, void> {
  let wave: RestoreWave = new ContentWave();
  let largeFiles = 0;
  let files = 0;
  let bytes = 0;
  let beginsInsideFile = false;
  for await (const wanted of wantedEntries(run, root)) {
    const lists = new ChunkLists(run, wanted);
    for (const each of wanted) {
      const content = isIndirect(each.entry)
        ? await readContent(run, each, lists)
        : plainContent(run, each);
      if (content === undefined) {
        await each.directory.release();
        continue;
      }
      const { sink, chunks, size } = content;
      files += 1;
      bytes += size;
      for (const [index, chunk] of chunks.entries()) {
        if (sink.isLost) {
          await sink.forgo(chunks.length - index);
          break;
        }
        if (chunks.length > 1 && (index === 0 || wave.places.length === 0)) largeFiles += 1;
        wave.add({ chunk, contentID: objectReference(chunk.objectID).contentID, sink });
        if (!wave.isFull && largeFiles < run.maxLargeFilesPerWave) continue;
        run.emit({ type: 'planned', files, bytes });
        yield wave;
        wave = new ContentWave();
        largeFiles = 0;
        beginsInsideFile = index + 1 < chunks.length;
      }
    }
    if (!keepsOrder || !beginsInsideFile || wave.places.length === 0) continue;
    run.emit({ type: 'planned', files, bytes });
    yield wave;
    wave = new ContentWave();
    largeFiles = 0;
    beginsInsideFile = false;
  }
  run.emit({ type: 'planned', files, bytes });
  if (wave.places.length > 0) yield wave;
}

/** Files and symlinks to fetch, those of one directory at a time. Nothing is made in the target while they are used. */
async function* wantedEntries(
  run: RestoreRun,
  root: DirEntry,
): AsyncGenerator<readonly WantedEntry[], void, void> {
  const stack: PendingDirectory[] = [];
  yield await placeRoot(run, root, stack);
  while (stack.length > 0) {
    run.signal.throwIfAborted();
    const batch = takeDirectoryBatch(run.repository, stack, ({ entry }) => entry.objectID);
    const loaded = await readDirectoryBatch(
      run.repository,
      batch.map(({ entry }) => entry.objectID),
      { memoryLimit: run.directoryMemory, parallelism: run.parallel, signal: run.signal },
    );
    const below: PendingDirectory[] = [];
    for (const [index, pending] of batch.entries()) {
      run.signal.throwIfAborted();
      const result = loaded[index]?.parse();
      if (result?.manifest === undefined) {
        run.fail(pending.path, pending.entry, result?.error);
        await pending.parent?.release();
        continue;
      }
      const placement = await placeDirectory(run, pending, result.manifest);
      for (const directory of placement.directories) below.push(directory);
      yield placement.wanted;
    }
    // From the end, so that the first one is next: depth first keeps the stack short.
    for (const directory of below.toReversed()) stack.push(directory);
  }
}

/** A directory root goes on the stack; anything else is all there is to fetch. */
async function placeRoot(
  run: RestoreRun,
  root: DirEntry,
  stack: PendingDirectory[],
): Promise<readonly WantedEntry[]> {
  const { output, options } = run;
  if (root.type === 'd' && options.name === undefined) {
    stack.push({
      entry: root,
      path: '',
      depth: 1,
      parent: undefined,
      replaces: undefined,
      make: async () => output.root,
    });
    return [];
  }
  const above = new DirectoryNode(run, {
    entry: undefined,
    path: '',
    depth: 0,
    output: output.root,
    parent: undefined,
    replaces: undefined,
  });
  const entry = root.type === 'f' ? await withObjectLength(run, root) : root;
  const named = new Map([[options.name ?? root.name, entry]]);
  const { directories, wanted } = await placeEntries(run, above, named);
  stack.push(...directories);
  return wanted;
}

/** The root may be known by its object alone; how long that is, the object says. */
async function withObjectLength(run: RestoreRun, root: DirEntry): Promise<DirEntry> {
  if (root.objectID === undefined) throw new CorruptDataError('the root has no object');
  await using reader = await run.repository.openObject(root.objectID, { signal: run.signal });
  return { ...root, size: reader.length };
}

interface WantedContent {
  readonly sink: ContentSink;
  readonly chunks: readonly ObjectChunk[];
  /** Bytes. */
  readonly size: number;
}

/** Of an entry whose object is a content as it is. Undefined: it cannot be had, and that does not end the restore. */
function plainContent(run: RestoreRun, each: WantedEntry): WantedContent | undefined {
  try {
    return wantedContent(run, each, directChunks(run.repository, each.entry));
  } catch (error) {
    failEntry(run, each, error);
    return undefined;
  }
}

/** The same of an entry whose chunks are listed in index objects. */
async function readContent(
  run: RestoreRun,
  each: WantedEntry,
  lists: ChunkLists,
): Promise<WantedContent | undefined> {
  try {
    if (each.entry.type === 's') throw oversizedTarget(each.entry);
    return wantedContent(run, each, await lists.take(each));
  } catch (error) {
    failEntry(run, each, error);
    return undefined;
  }
}

function failEntry(run: RestoreRun, { directory, entry, name }: WantedEntry, error: unknown): void {
  if (!isDamage(error)) throw error;
  run.fail(directory.pathOf(name), entry, error);
}

function wantedContent(run: RestoreRun, each: WantedEntry, list: EntryChunks): WantedContent {
  const { chunks, length } = list;
  const { type, size } = each.entry;
  if (type === 's') {
    if (length > MAX_SYMLINK_TARGET) throw oversizedTarget(each.entry);
    return { sink: new SymlinkSink(run, each), chunks, size: 0 };
  }
  // With `ignoreErrors` what is stored is restored all the same.
  if (length !== size) failEntry(run, each, lengthMismatch(each.entry, list));
  const sink = new FileSink(run, each, { size: length, chunkCount: chunks.length });
  return { sink, chunks, size: length };
}

/** Kopia writes a target as one content, and its size in the entry is but what the file system said. */
function oversizedTarget({ objectID }: DirEntry): CorruptDataError {
  return new CorruptDataError(`object ${objectID}: too long for the target of a symlink`);
}

/** The lists of some of the next large files are read ahead. */
class ChunkLists {
  readonly #run: RestoreRun;
  readonly #wanted: readonly WantedEntry[];
  readonly #started = new Map<WantedEntry, Promise<EntryChunks>>();
  #startedBytes = 0;
  #next = 0;

  constructor(run: RestoreRun, wanted: readonly WantedEntry[]) {
    this.#run = run;
    this.#wanted = wanted;
  }

  /** To be called, in order, for files whose chunks are listed in index objects. */
  async take(wanted: WantedEntry): Promise<EntryChunks> {
    const { entry } = wanted;
    this.#readAhead();
    const list = this.#started.get(wanted) ?? this.#read(entry);
    if (this.#started.delete(wanted)) this.#startedBytes -= entry.size;
    return list;
  }

  #readAhead(): void {
    for (; this.#next < this.#wanted.length; this.#next++) {
      const wanted = this.#wanted[this.#next]!;
      if (wanted.entry.type !== 'f' || !isIndirect(wanted.entry)) continue;
      const { size } = wanted.entry;
      const count = this.#started.size;
      if (count >= READ_AHEAD_LISTS) return;
      if (count > 0 && this.#startedBytes + size > READ_AHEAD_FILE_BYTES) return;
      const list = this.#read(wanted.entry);
      // A failure belongs to whoever takes the list; until then it is not unhandled.
      list.catch(() => undefined);
      this.#started.set(wanted, list);
      this.#startedBytes += size;
    }
  }

  #read(entry: DirEntry): Promise<EntryChunks> {
    return entryChunks(this.#run.repository, entry, { signal: this.#run.signal });
  }
}
