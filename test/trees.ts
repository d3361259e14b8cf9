import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createSeededRandom, type RandomNumber } from '../packages/repo/src/blob/seeded-random.ts';

export interface SeededTreeOptions {
  readonly seed: number;
  /** Regular files, sparse ones not counted. */
  readonly files: number;
  /** Bytes of all regular files together, sparse ones not counted. */
  readonly totalBytes: number;
  /** Most directories between the root and a file. Default 4. */
  readonly depth?: number;
  /** On average. Default 50. */
  readonly filesPerDirectory?: number;
  /** 0 to 1: share of files that hold the bytes of an earlier one. Default 0.05. */
  readonly duplicates?: number;
  /** 0 to 1: share of files with spaces, line breaks, quotes or other scripts in the name. Default 0.02. */
  readonly oddNames?: number;
  /** Links to files, to directories and to nothing. Default 0. */
  readonly symlinks?: number;
  /** Files of 8 MiB that are a hole but for their ends. Default 0. */
  readonly sparseFiles?: number;
}

const SPARSE_LENGTH = 8 * 1024 * 1024;
/** Bytes drawn once and cut into files: drawing every byte would take longer than backing it up. */
const POOL_LENGTH = 1024 * 1024;
const STAMP_INTERVAL = 64 * 1024;
const STAMP_LENGTH = 32;
const ODD_NAMES = [
  'with space',
  'line\nbreak',
  '"quoted" & <b>',
  'ünï-日本語-😀',
  '\\back',
  '-dash',
  '~',
];

/**
 * A tree whose names, bytes and times are decided by the seed. Sizes are spread as in real trees: most files are small
 * and most bytes are in large ones. No bytes repeat, save in duplicates and sparse files.
 */
export function createSeededTree(root: string, options: SeededTreeOptions): void {
  const random = createSeededRandom(options.seed);
  const { depth = 4, duplicates = 0.05, oddNames = 0.02, symlinks = 0, sparseFiles = 0 } = options;
  mkdirSync(root, { recursive: true });
  const bytes = new FileBytes(options.seed, random);
  const sizes = fileSizes(random, options.files, options.totalBytes);
  const count = Math.ceil(options.files / (options.filesPerDirectory ?? 50));
  const directories = makeDirectories(root, random, count, depth);
  const paths: string[] = [];
  for (let index = 0; index < sizes.length; index++) {
    const directory = directories[Math.floor(random() * directories.length)]!;
    const odd = random() < oddNames ? ODD_NAMES[Math.floor(random() * ODD_NAMES.length)]! : '';
    const path = join(directory, `f${index}${odd}`);
    const original = random() < duplicates ? Math.floor(random() * index) : index;
    writeFileSync(path, bytes.of(original, sizes[original]!));
    setTime(path, random);
    paths.push(path);
  }
  for (let index = 0; index < symlinks; index++) {
    const targets = [paths[index % paths.length] ?? '/nowhere', directories[0]!, 'nothing at all'];
    symlinkSync(targets[index % targets.length]!, join(root, `link${index}`));
  }
  for (let index = 0; index < sparseFiles; index++) {
    const path = join(root, `sparse${index}`);
    writeSparse(path, bytes.of(options.files + index, 3000));
    setTime(path, random);
  }
  for (const directory of directories.toReversed()) setTime(directory, random);
}

/** Sizes that add up to `totalBytes`: a Pareto-like spread, from a few bytes to a few hundred times the mean. */
function fileSizes(random: RandomNumber, files: number, totalBytes: number): readonly number[] {
  const weights = Array.from({ length: files }, () => Math.min(400, (1 - random()) ** -0.9 - 0.95));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => Math.floor((weight / sum) * totalBytes));
}

/** The root first, each before what is in it. */
function makeDirectories(
  root: string,
  random: RandomNumber,
  count: number,
  depth: number,
): readonly string[] {
  const directories = [{ path: root, level: 0 }];
  for (let index = 1; index < count; index++) {
    const parent = directories[Math.floor(random() * directories.length)]!;
    const above = parent.level < depth ? parent : directories[0]!;
    const path = join(above.path, `d${index}`);
    mkdirSync(path);
    directories.push({ path, level: above.level + 1 });
  }
  return directories.map(({ path }) => path);
}

/** Random bytes for the n-th file: one pool, stamped anew for each file so that no chunk is met twice. */
class FileBytes {
  readonly #seed: number;
  readonly #pool: Uint8Array;

  constructor(seed: number, random: RandomNumber) {
    this.#seed = seed;
    const words = new Uint32Array(POOL_LENGTH / 4);
    for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32;
    this.#pool = new Uint8Array(words.buffer);
  }

  of(index: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += POOL_LENGTH) {
      bytes.set(this.#pool.subarray(0, Math.min(POOL_LENGTH, length - start)), start);
    }
    for (let start = 0; start < length; start += STAMP_INTERVAL) {
      const stamp = createHash('sha256').update(`${this.#seed}/${index}/${start}`).digest();
      bytes.set(stamp.subarray(0, Math.min(STAMP_LENGTH, length - start)), start);
    }
    return bytes;
  }
}

function writeSparse(path: string, end: Uint8Array): void {
  const fd = openSync(path, 'w');
  try {
    writeSync(fd, end, 0, end.length, 0);
    ftruncateSync(fd, SPARSE_LENGTH);
    writeSync(fd, end, 0, end.length, SPARSE_LENGTH - end.length);
  } finally {
    closeSync(fd);
  }
}

function setTime(path: string, random: RandomNumber): void {
  const seconds = 1_500_000_000 + random() * 2e8;
  utimesSync(path, seconds, seconds);
}
