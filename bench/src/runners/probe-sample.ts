import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSplitter,
  findSplitPoints,
  loadSplitterKernels,
  type SplitterName,
} from '@longshore/chunker';
import { ENCRYPTION_NAMES, type CompressorName, type HashName } from '@longshore/repo';
import { nativeAlgorithms } from '@longshore/repo/node';
import { createSeededBytes } from '../seeded-bytes.ts';

/* Reads a part of a folder and measures what each choice makes of it. Prints a `SampleProbe`. */

export interface SampleRequest {
  readonly directory: string;
  /** Bytes to read at most. */
  readonly maxBytes: number;
}

export interface SampleProbe {
  readonly files: number;
  readonly bytes: number;
  /** Of all files below the folder. */
  readonly averageFileSize: number;
  readonly readBytesPerSecond: number;
  readonly splitters: readonly SplitterFigure[];
  readonly hashes: readonly RateFigure[];
  readonly ciphers: readonly RateFigure[];
  readonly compressors: readonly CompressorFigure[];
}

export interface RateFigure {
  readonly name: string;
  readonly bytesPerSecond: number;
}

export interface SplitterFigure extends RateFigure {
  /** 0 to 1: bytes in contents that are not there twice. */
  readonly uniqueFraction: number;
  readonly contents: number;
  /** Bytes of the largest content that it may cut. */
  readonly maxSegmentSize: number;
}

export interface CompressorFigure extends RateFigure {
  /** Compressed bytes of a byte; a content that does not get shorter counts as it is. */
  readonly ratio: number;
}

const SPLITTERS = [
  'DYNAMIC-4M-BUZHASH',
  'DYNAMIC-1M-BUZHASH',
  'DYNAMIC-2M-BUZHASH',
  'DYNAMIC-8M-BUZHASH',
  'FIXED-4M',
] as const satisfies readonly SplitterName[];
const HASHES = [
  'BLAKE2B-256-128',
  'BLAKE2S-128',
  'BLAKE3-256-128',
  'HMAC-SHA256-128',
] as const satisfies readonly HashName[];
const COMPRESSORS = [
  'zstd-fastest',
  'zstd',
  'zstd-better-compression',
  's2-default',
  'gzip-best-speed',
  'deflate-best-speed',
] as const satisfies readonly CompressorName[];

const SECRET = new Uint8Array(32).fill(1);
const MAX_FILE_BYTES = 64 * 1024 ** 2;
/** Slow compressors need not see the whole sample. */
const MAX_COMPRESSED_BYTES = 32 * 1024 ** 2;
const MAX_FILES_LISTED = 1_000_000;
/** For each figure. */
const ROUNDS_MS = 300;

interface Sample {
  readonly files: readonly Uint8Array[];
  readonly bytes: number;
  readonly averageFileSize: number;
  readonly readBytesPerSecond: number;
}

/** Files in an order drawn from a seed, so that no part of the tree is preferred. */
function readSample({ directory, maxBytes }: SampleRequest): Sample {
  const found = listFiles(directory);
  const total = found.reduce((sum, { size }) => sum + size, 0);
  const { between } = createSeededBytes(42);
  for (let i = found.length - 1; i > 0; i--) {
    const j = between(0, i);
    [found[i], found[j]] = [found[j]!, found[i]!];
  }
  const files: Uint8Array[] = [];
  let bytes = 0;
  const startedAt = performance.now();
  for (const { path, size } of found) {
    if (bytes >= maxBytes) break;
    if (size === 0) continue;
    const data = readFile(path, Math.min(size, MAX_FILE_BYTES, maxBytes - bytes));
    if (data === undefined || data.length === 0) continue;
    files.push(data);
    bytes += data.length;
  }
  if (bytes === 0) throw new Error(`${directory}: no file there can be read`);
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    files,
    bytes,
    averageFileSize: total / found.length,
    readBytesPerSecond: bytes / seconds,
  };
}

function listFiles(directory: string): { readonly path: string; readonly size: number }[] {
  const found: { path: string; size: number }[] = [];
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) found.push({ path, size: lstatSync(path).size });
        if (found.length >= MAX_FILES_LISTED) return found;
      }
    } catch {
      continue;
    }
  }
  return found;
}

/** Undefined if it cannot be read. */
function readFile(path: string, length: number): Uint8Array | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const data = new Uint8Array(length);
      return data.subarray(0, readSync(fd, data, 0, length, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** The best of several rounds: the first ones run before their code is compiled. */
function rate(bytes: number, run: () => void): number {
  const end = performance.now() + ROUNDS_MS;
  let best = 0;
  for (let round = 0; round < 2 || performance.now() < end; round++) {
    const startedAt = performance.now();
    run();
    best = Math.max(best, (bytes / (performance.now() - startedAt)) * 1000);
  }
  return best;
}

function segmentsOf(
  files: readonly Uint8Array[],
  cutsOf: (file: Uint8Array) => number[],
): Uint8Array[] {
  return files.flatMap((file) => {
    const cuts = cutsOf(file);
    if (cuts.at(-1) !== file.length) cuts.push(file.length);
    return cuts.map((end, index) => file.subarray(cuts[index - 1] ?? 0, end));
  });
}

async function probe(request: SampleRequest): Promise<SampleProbe> {
  const sample = readSample(request);
  const { files, bytes } = sample;
  const kernels = await loadSplitterKernels();
  const algorithms = nativeAlgorithms();
  const segments = new Map<string, readonly Uint8Array[]>();
  const splitters = SPLITTERS.map((name): SplitterFigure => {
    const splitter = createSplitter(name, { kernels });
    let cut: readonly Uint8Array[] = [];
    const bytesPerSecond = rate(bytes, () => {
      cut = segmentsOf(files, (file) => findSplitPoints(file, splitter));
    });
    segments.set(name, cut);
    const unique = new Map(cut.map((one) => [digest(one), one.length]));
    const uniqueBytes = [...unique.values()].reduce((sum, length) => sum + length, 0);
    const { maxSegmentSize } = splitter;
    return {
      name,
      bytesPerSecond,
      uniqueFraction: uniqueBytes / bytes,
      contents: cut.length,
      maxSegmentSize,
    };
  });
  const contents = segments.get('DYNAMIC-4M-BUZHASH') ?? [];
  const hashes: RateFigure[] = [];
  for (const name of HASHES) {
    const hash = await algorithms.createHash(name, SECRET);
    const all = (): void => {
      for (let i = 0; i < contents.length; i += 2) {
        const [a, b] = [contents[i]!, contents[i + 1]];
        if (b !== undefined && hash.hashPair !== undefined) hash.hashPair(a, b);
        else {
          hash.hash(a);
          if (b !== undefined) hash.hash(b);
        }
      }
    };
    hashes.push({ name, bytesPerSecond: rate(bytes, all) });
  }
  const ciphers: RateFigure[] = [];
  for (const name of ENCRYPTION_NAMES) {
    const cipher = await algorithms.createCipher(name, SECRET);
    const iv = new Uint8Array(16);
    const all = (): void => {
      for (const one of contents) {
        cipher.sealInto(one, iv, new Uint8Array(one.length + cipher.overhead));
      }
    };
    ciphers.push({ name, bytesPerSecond: rate(bytes, all) });
  }
  return {
    files: files.length,
    bytes,
    averageFileSize: sample.averageFileSize,
    readBytesPerSecond: sample.readBytesPerSecond,
    splitters,
    hashes,
    ciphers,
    compressors: [
      { name: 'none', bytesPerSecond: Number.MAX_VALUE, ratio: 1 },
      ...compressorFigures(contents),
    ],
  };
}

function compressorFigures(contents: readonly Uint8Array[]): CompressorFigure[] {
  const algorithms = nativeAlgorithms();
  const part: Uint8Array[] = [];
  let bytes = 0;
  for (const one of contents) {
    if (bytes >= MAX_COMPRESSED_BYTES) break;
    part.push(one);
    bytes += one.length;
  }
  return COMPRESSORS.flatMap((name) => {
    const { compress } = algorithms.compressor(name);
    if (compress === undefined) return [];
    let compressed = 0;
    const bytesPerSecond = rate(bytes, () => {
      compressed = 0;
      for (const one of part) compressed += Math.min(one.length, compress(one).length + 4);
    });
    return [{ name, bytesPerSecond, ratio: compressed / bytes }];
  });
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

process.removeAllListeners('warning');
const answer = await probe(JSON.parse(process.argv[2] ?? '{}') as SampleRequest);
process.stdout.write(`${JSON.stringify(answer)}\n`);
