import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  planEdits,
  planFiles,
  type Edit,
  type FileKind,
  type PlannedFile,
} from './dataset-plan.ts';
import { datasetKey, scaleDataset, type Dataset } from './datasets.ts';
import { createSeededBytes, type SeededBytes } from './seeded-bytes.ts';

/** A data set on disk. */
export interface DatasetFolder {
  readonly key: string;
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  readonly scale: number;
  /** The tree to back up. */
  readonly tree: string;
  readonly files: number;
  readonly bytes: number;
  /** Bytes of the edited tree that the base does not hold; 0 for the base itself. */
  readonly changedBytes: number;
}

const BUFFER_SIZE = 1024 * 1024;
const IMAGE_BLOCK = 4096;
/** Set explicitly: whoever has another umask gets the same trees. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** Files are older than any run, and whole seconds are the same in every program. */
const FIRST_MTIME_SECONDS = 1_767_225_600;

export interface MakeDatasetOptions {
  readonly cache: string;
  readonly scale: number;
  /** `edited`: after inserts, overwrites and deletes; unchanged files keep their times. */
  readonly state?: 'base' | 'edited';
}

/** The data set, written to the cache folder unless it lies there from an earlier run. */
export function makeDataset(dataset: Dataset, options: MakeDatasetOptions): DatasetFolder {
  const { cache, scale, state = 'base' } = options;
  const key = datasetKey(dataset, scale);
  const folder = join(cache, 'datasets', key, state);
  const description = join(folder, 'dataset.json');
  if (!existsSync(description)) {
    const making = `${folder}.making`;
    rmSync(making, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(making, { recursive: true });
    const scaled = scaleDataset(dataset, scale);
    const counts =
      state === 'base'
        ? writeBase(scaled, join(making, 'tree'))
        : writeEdited(scaled, makeDataset(dataset, { cache, scale }).tree, join(making, 'tree'));
    writeFileSync(join(making, 'dataset.json'), JSON.stringify(counts));
    renameSync(making, folder);
  }
  const counts = JSON.parse(readFileSync(description, 'utf8')) as Counts;
  const { name, about, seed } = dataset;
  return { key, name, about, seed, scale, tree: join(folder, 'tree'), ...counts };
}

interface Counts {
  files: number;
  bytes: number;
  changedBytes: number;
}

function writeBase(dataset: Dataset, tree: string): Counts {
  const files = planFiles(dataset);
  const folders = new FolderMaker(tree);
  for (const [index, file] of files.entries()) {
    writeFile(folders.pathFor(file.path), file, FIRST_MTIME_SECONDS + index);
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { files: files.length, bytes, changedBytes: 0 };
}

function writeEdited(dataset: Dataset, base: string, tree: string): Counts {
  const files = planFiles(dataset);
  const { deleted, edited, added } = planEdits(dataset, files);
  const folders = new FolderMaker(tree);
  const counts: Counts = { files: 0, bytes: 0, changedBytes: 0 };
  const later = FIRST_MTIME_SECONDS + files.length + 86_400;
  for (const { path, size } of files) {
    if (deleted.has(path)) continue;
    const target = folders.pathFor(path);
    const edits = edited.get(path);
    counts.files += 1;
    if (edits === undefined) {
      // The same inode: neither times nor bytes can differ, and it costs no space.
      linkSync(join(base, path), target);
      counts.bytes += size;
    } else {
      counts.bytes += writeEditedFile(join(base, path), target, edits);
      counts.changedBytes += edits.reduce((sum, { inserted }) => sum + inserted, 0);
      utimesSync(target, later, later);
    }
  }
  for (const file of added) {
    writeFile(folders.pathFor(file.path), file, later);
    counts.files += 1;
    counts.bytes += file.size;
    counts.changedBytes += file.size;
  }
  return counts;
}

class FolderMaker {
  readonly #root: string;
  readonly #made = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true });
    chmodSync(root, FOLDER_MODE);
    this.#made.add(root);
  }

  pathFor(path: string): string {
    const target = join(this.#root, path);
    const folder = dirname(target);
    if (!this.#made.has(folder)) {
      for (let made = folder; !this.#made.has(made); made = dirname(made)) {
        mkdirSync(made, { recursive: true });
        chmodSync(made, FOLDER_MODE);
        this.#made.add(made);
      }
    }
    return target;
  }
}

const buffer = new Uint8Array(BUFFER_SIZE);

function writeFile(path: string, { size, kind, seed }: PlannedFile, mtimeSeconds: number): void {
  const fd = openSync(path, 'wx');
  try {
    fchmodSync(fd, FILE_MODE);
    const seeded = createSeededBytes(seed);
    for (let done = 0; done < size;) {
      const piece = buffer.subarray(0, Math.min(BUFFER_SIZE, size - done));
      fillPiece(piece, kind, done / BUFFER_SIZE, seeded);
      writeSync(fd, piece);
      done += piece.length;
    }
  } finally {
    closeSync(fd);
  }
  utimesSync(path, mtimeSeconds, mtimeSeconds);
}

function fillPiece(piece: Uint8Array, kind: FileKind, index: number, seeded: SeededBytes): void {
  if (kind === 'image') fillImage(piece, seeded);
  else if (kind === 'text' || (kind === 'half' && index % 2 === 1)) seeded.fillText(piece);
  else seeded.fillRandom(piece);
}

/** Blocks as in a file system: runs of free space, of text, of binaries, and blocks seen before. */
function fillImage(piece: Uint8Array, seeded: SeededBytes): void {
  for (let done = 0; done < piece.length;) {
    const length = Math.min(seeded.between(1, 64) * IMAGE_BLOCK, piece.length - done);
    const run = piece.subarray(done, done + length);
    const draw = seeded.fraction();
    if (draw < 0.35) run.fill(0);
    else if (draw < 0.6) seeded.fillText(run);
    else if (draw < 0.9 || done < length) seeded.fillRandom(run);
    else piece.copyWithin(done, 0, length);
    done += length;
  }
}

/** Bytes of the new file. */
function writeEditedFile(source: string, target: string, edits: readonly Edit[]): number {
  const from = openSync(source, 'r');
  const to = openSync(target, 'wx');
  let written = 0;
  try {
    fchmodSync(to, FILE_MODE);
    let position = 0;
    for (const { offset, removed, inserted, seed } of edits) {
      written += copyRange(from, to, position, offset);
      const bytes = new Uint8Array(inserted);
      createSeededBytes(seed).fillRandom(bytes);
      written += writeSync(to, bytes);
      position = offset + removed;
    }
    return written + copyRange(from, to, position, Number.POSITIVE_INFINITY);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function copyRange(from: number, to: number, start: number, end: number): number {
  let position = start;
  while (position < end) {
    const length = readSync(from, buffer, 0, Math.min(BUFFER_SIZE, end - position), position);
    if (length === 0) break;
    writeSync(to, buffer, 0, length);
    position += length;
  }
  return position - start;
}
