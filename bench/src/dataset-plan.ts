import type { Dataset } from './datasets.ts';
import { createSeededBytes, type SeededBytes } from './seeded-bytes.ts';

/** What the bytes of a file look like. */
export type FileKind = 'text' | 'random' | 'half' | 'image';

/** One file of a data set: everything that its bytes depend on. */
export interface PlannedFile {
  /** Below the root, with `/`. */
  readonly path: string;
  readonly size: number;
  readonly kind: FileKind;
  /** Of its bytes: two files with equal seed, kind and size are equal. */
  readonly seed: number;
}

const KIB = 1024;
const MIB = 1024 ** 2;
/** Smallest and largest file of a mixed tree; sizes in between are drawn by magnitude, as on real disks. */
const MIXED_MIN = KIB;
const MIXED_MAX = 64 * MIB;

/** The files of a data set in the order in which they are written. The same for the same data set, always. */
export function planFiles(dataset: Dataset): readonly PlannedFile[] {
  const seeded = createSeededBytes(dataset.seed);
  const { shape } = dataset;
  const pathOf = (index: number): string => filePath(index, dataset.filesPerFolder);
  switch (shape.kind) {
    case 'single':
      return [{ path: 'big.bin', size: shape.size, kind: 'half', seed: dataset.seed }];
    case 'image':
      return [{ path: 'disk.img', size: shape.size, kind: 'image', seed: dataset.seed }];
    case 'files':
      return Array.from({ length: shape.count }, (_, index) => ({
        path: pathOf(index),
        size: seeded.between(shape.minSize, shape.maxSize),
        kind: drawKind(seeded),
        seed: dataset.seed * 1_000_003 + index,
      }));
    case 'mixed':
      return planMixed(dataset, shape.totalSize, shape.duplicates, seeded);
    default:
      return shape satisfies never;
  }
}

function planMixed(
  dataset: Dataset,
  totalSize: number,
  duplicates: number,
  seeded: SeededBytes,
): readonly PlannedFile[] {
  const files: PlannedFile[] = [];
  let size = 0;
  let duplicated = 0;
  while (size < totalSize) {
    const path = filePath(files.length, dataset.filesPerFolder);
    const original = files.at(seeded.between(0, Math.max(0, files.length - 1)));
    const wanted = duplicated < duplicates * size && original !== undefined;
    const left = totalSize - size;
    const file: PlannedFile =
      wanted && original.size <= left
        ? { ...original, path }
        : {
            path,
            size: Math.min(left, magnitude(seeded)),
            kind: drawKind(seeded),
            seed: dataset.seed * 1_000_003 + files.length,
          };
    if (wanted && original.size <= left) duplicated += file.size;
    size += file.size;
    files.push(file);
  }
  return files;
}

function magnitude({ fraction }: SeededBytes): number {
  return Math.round(MIXED_MIN * (MIXED_MAX / MIXED_MIN) ** fraction());
}

function drawKind({ fraction }: SeededBytes): FileKind {
  return fraction() < 0.5 ? 'text' : 'random';
}

function filePath(index: number, filesPerFolder: number): string {
  const folder = Math.floor(index / filesPerFolder);
  return `d${String(Math.floor(folder / 50)).padStart(2, '0')}/d${String(folder).padStart(4, '0')}/f${String(index).padStart(6, '0')}`;
}

/** What a day of work does to a tree: everything is drawn from the seed. */
export interface PlannedEdits {
  /** Files of the old tree that are gone. */
  readonly deleted: ReadonlySet<string>;
  /** Files of the old tree whose bytes change in these places, in ascending order. */
  readonly edited: ReadonlyMap<string, readonly Edit[]>;
  readonly added: readonly PlannedFile[];
}

/** At `offset` of the old file, `removed` bytes give way to `inserted` new ones. */
export interface Edit {
  readonly offset: number;
  readonly removed: number;
  readonly inserted: number;
  readonly seed: number;
}

const BIG_FILE = 16 * MIB;

/** One file in a hundred goes, one in fifty changes, one in a hundred is new; big files change in a few places. */
export function planEdits(dataset: Dataset, files: readonly PlannedFile[]): PlannedEdits {
  const seeded = createSeededBytes(dataset.seed ^ 0x0ed17);
  const deleted = new Set<string>();
  const edited = new Map<string, readonly Edit[]>();
  for (const { path, size } of files) {
    const draw = seeded.fraction();
    if (size > BIG_FILE || files.length === 1) edited.set(path, planFileEdits(size, seeded));
    else if (draw < 0.01) deleted.add(path);
    else if (draw < 0.03) edited.set(path, planFileEdits(size, seeded).slice(0, 1));
  }
  const count = files.length === 1 ? 0 : Math.max(1, Math.round(files.length / 100));
  const added = Array.from({ length: count }, (_, index) => {
    const like = files[seeded.between(0, files.length - 1)]!;
    return {
      path: `new/n${String(index).padStart(6, '0')}`,
      size: Math.min(like.size, BIG_FILE),
      kind: drawKind(seeded),
      seed: dataset.seed * 7_000_003 + index,
    };
  });
  return { deleted, edited, added };
}

/** An insertion, an overwrite and a deletion in turn, one for each 64 MiB and three at least. */
function planFileEdits(size: number, seeded: SeededBytes): readonly Edit[] {
  const count = Math.max(3, Math.round(size / (64 * MIB)));
  const stride = Math.floor(size / count);
  const edits: Edit[] = [];
  for (let i = 0; i < count; i++) {
    const room = Math.max(1, Math.floor(stride / 2));
    const length = Math.min(room, seeded.between(1, 256 * KIB));
    const offset = i * stride + seeded.between(0, room - 1);
    const kind = i % 3;
    edits.push({
      offset,
      removed: kind === 0 ? 0 : Math.min(length, size - offset),
      inserted: kind === 2 ? 0 : length,
      seed: seeded.between(1, 2 ** 30),
    });
  }
  return edits;
}
