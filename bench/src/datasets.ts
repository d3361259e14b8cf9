/** How the files of a data set are drawn. Sizes in bytes, for scale 1. */
export type DatasetShape =
  | {
      readonly kind: 'files';
      readonly count: number;
      readonly minSize: number;
      readonly maxSize: number;
    }
  | {
      readonly kind: 'mixed';
      readonly totalSize: number;
      /** 0 to 1: share of the bytes that an earlier file holds already. */
      readonly duplicates: number;
    }
  | { readonly kind: 'single'; readonly size: number }
  | { readonly kind: 'image'; readonly size: number };

export interface Dataset {
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  readonly shape: DatasetShape;
  /** Files of one folder; more go into the next. */
  readonly filesPerFolder: number;
}

const MIB = 1024 ** 2;
const GB = 1000 ** 3;

/** Changing what a data set holds changes its results: `DATASET_VERSION` then has to change too. */
const DATASET_VERSION = 1;

export const DATASETS = {
  'big-file': {
    name: 'big-file',
    about: 'one file of 1 GB, half of it text',
    seed: 101,
    shape: { kind: 'single', size: GB },
    filesPerFolder: 1,
  },
  'huge-file': {
    name: 'huge-file',
    about: 'one file of 2 GB, half of it text',
    seed: 102,
    shape: { kind: 'single', size: 2 * GB },
    filesPerFolder: 1,
  },
  'small-files': {
    name: 'small-files',
    about: '20,000 files of 1 to 64 KiB',
    seed: 103,
    shape: { kind: 'files', count: 20_000, minSize: 1024, maxSize: 64 * 1024 },
    filesPerFolder: 200,
  },
  'tiny-files': {
    name: 'tiny-files',
    about: '200,000 files of 0 to 2 KiB',
    seed: 104,
    shape: { kind: 'files', count: 200_000, minSize: 0, maxSize: 2048 },
    filesPerFolder: 1000,
  },
  'many-folders': {
    name: 'many-folders',
    about: '100,000 files of 0 to 8 KiB in folders of 1,000',
    seed: 105,
    shape: { kind: 'files', count: 100_000, minSize: 0, maxSize: 8192 },
    filesPerFolder: 1000,
  },
  mixed: {
    name: 'mixed',
    about: '2 GB in files of 1 KiB to 64 MiB, 30 % duplicates',
    seed: 106,
    shape: { kind: 'mixed', totalSize: 2 * GB, duplicates: 0.3 },
    filesPerFolder: 100,
  },
  'disk-image': {
    name: 'disk-image',
    about: 'a disk image of 2 GB: free space, text, binaries and repeated blocks of 4 KiB',
    seed: 107,
    shape: { kind: 'image', size: 2 * GB },
    filesPerFolder: 1,
  },
} as const satisfies Record<string, Dataset>;

export type DatasetName = keyof typeof DATASETS;

export function isDatasetName(name: string): name is DatasetName {
  return Object.hasOwn(DATASETS, name);
}

/** The same with `scale` times the files or bytes: at least one file, at least 64 KiB of a big one. */
export function scaleDataset(dataset: Dataset, scale: number): Dataset {
  const { shape } = dataset;
  const scaled = (value: number, least: number): number =>
    Math.max(least, Math.round(value * scale));
  switch (shape.kind) {
    case 'files':
      return { ...dataset, shape: { ...shape, count: scaled(shape.count, 1) } };
    case 'mixed':
      return { ...dataset, shape: { ...shape, totalSize: scaled(shape.totalSize, MIB) } };
    case 'single':
    case 'image':
      return { ...dataset, shape: { ...shape, size: scaled(shape.size, 64 * 1024) } };
    default:
      return shape satisfies never;
  }
}

/** Names the folder of a data set in the cache: the same name, the same bytes. */
export function datasetKey(dataset: Dataset, scale: number): string {
  return `${dataset.name}-v${DATASET_VERSION}-seed${dataset.seed}-x${scale}`;
}
