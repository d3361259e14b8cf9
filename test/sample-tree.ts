import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSystemCalls } from '@longshore/snapshot/node';
import { createSeededRandom, type RandomNumber } from '../packages/repo/src/blob/seeded-random.ts';

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

export interface SampleTreeOptions {
  readonly seed: number;
  /** Files in the directory `many`. Default 12. */
  readonly files?: number;
  /** Bytes of the largest files, of which one is random to a quarter. Default 20 000. */
  readonly largestFile?: number;
  /** Names that are not valid UTF-8: Linux only. */
  readonly invalidNames?: boolean;
}

/**
 * A tree with every kind of entry that Kopia stores and some that it does not: odd names, modes and times, hard links,
 * dangling links, a FIFO. The same seed gives the same bytes, names, modes and times.
 */
export function createSampleTree(root: string, options: SampleTreeOptions): void {
  const random = createSeededRandom(options.seed);
  const { files = 12, largestFile = 20_000 } = options;
  for (const folder of ['.hidden/deep/er', 'a', 'a-', 'empty-dir', 'many', 'tmp']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'one'), 'x');
  writeFileSync(join(root, 'random.bin'), randomBytes(random, largestFile >> 2));
  writeFileSync(join(root, 'text.txt'), 'a line of text\n'.repeat(largestFile >> 4));
  writeFileSync(join(root, 'zeros'), new Uint8Array(largestFile));
  writeFileSync(join(root, 'dup-a'), 'the same\n');
  writeFileSync(join(root, 'dup-b'), 'the same\n');
  linkSync(join(root, 'dup-a'), join(root, 'hard link'));
  for (let i = 0; i < files; i++) {
    writeFileSync(join(root, `many/f${i}`), randomBytes(random, Math.floor(random() * 600)));
  }
  for (const name of ODD_NAMES) writeFileSync(join(root, 'a', name), `named ${name}\n`);
  // U+FF5E sorts before U+1F600 by UTF-8 bytes and after it by UTF-16 units.
  mkdirSync(join(root, 'a-', '😀'));
  mkdirSync(join(root, 'a-', '～'));
  symlinkSync('../one', join(root, 'a', 'link'));
  symlinkSync('/nowhere/at all', join(root, '.hidden/dangling'));
  symlinkSync('many', join(root, 'link to directory'));
  if (options.invalidNames === true) addInvalidNames(root);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  for (const [name, mode] of ODD_MODES) {
    writeFileSync(join(root, 'tmp', name), `mode ${mode.toString(8)}\n`);
    chmodSync(join(root, 'tmp', name), mode);
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  chmodSync(join(root, 'a-'), 0o2750);
  for (const [name, seconds] of ODD_TIMES) {
    writeFileSync(join(root, '.hidden/deep', name), name);
    setTime(join(root, '.hidden/deep'), name, seconds * NANOSECONDS_PER_SECOND);
  }
  setTimesBelow(root, random);
}

const ODD_NAMES = [
  'space name & <html> "quoted"',
  'line\nbreak\ttab',
  'back\\slash',
  'ünï-日本語-😀.txt',
  'nfd-e\u0301',
  'nfc-\u00e9',
  '\u2028 and \u2029',
  '\u007f del',
  '-dash',
  '~',
  'very long '.repeat(20),
];

const ODD_MODES: readonly (readonly [string, number])[] = [
  ['setuid', 0o4755],
  ['setgid', 0o2711],
  ['sticky-file', 0o1644],
  ['read-only', 0o400],
  ['nothing', 0],
  ['everything', 0o777],
];

/** Unix seconds. */
const ODD_TIMES: readonly (readonly [string, bigint])[] = [
  ['epoch', 0n],
  ['before epoch', -86_400n],
  ['far future', 4_102_444_800n],
];

function addInvalidNames(root: string): void {
  const folder = Buffer.from(`${root}/`);
  const path = (...bytes: readonly number[]): Buffer =>
    Buffer.concat([folder, Buffer.from('bad-'), Buffer.from(bytes)]);
  writeFileSync(path(0xff), 'a lone FF\n');
  writeFileSync(path(0xc3, 0x28), 'a cut sequence\n');
  mkdirSync(path(0xed, 0xa0, 0x80));
  writeFileSync(Buffer.concat([path(0xed, 0xa0, 0x80), Buffer.from('/inside')]), 'below\n');
  symlinkSync(Buffer.from([0x74, 0xfe, 0x74]), path(0x6c, 0xfe));
}

/** Gives each entry a time with nanoseconds, directories after what is in them. Entries of {@link ODD_TIMES} keep theirs. */
function setTimesBelow(folder: string, random: RandomNumber): void {
  for (const name of readdirSync(folder).sort()) {
    if (ODD_TIMES.some(([odd]) => odd === name) || name.includes('\ufffd')) continue;
    if (lstatSync(join(folder, name)).isDirectory()) setTimesBelow(join(folder, name), random);
    setTime(folder, name, randomTime(random));
  }
}

function randomTime(random: RandomNumber): bigint {
  const seconds = 1_600_000_000n + BigInt(Math.floor(random() * 1e8));
  return seconds * NANOSECONDS_PER_SECOND + BigInt(Math.floor(random() * 1e9));
}

const systemCalls = createSystemCalls();

function setTime(folder: string, name: string, mtime: bigint): void {
  const handle = systemCalls.openRoot(folder);
  try {
    systemCalls.setTimes(handle, name, mtime);
  } finally {
    systemCalls.closeDirectory(handle);
  }
}

/** Adds, rewrites, renames, truncates or removes a few files of `many`. */
export function changeTree(root: string, random: RandomNumber): void {
  const folder = join(root, 'many');
  for (let i = 0; i < 3; i++) {
    const names = readdirSync(folder).sort();
    const name = names[Math.floor(random() * names.length)];
    const kind = name === undefined ? 0 : Math.floor(random() * 5);
    const fresh = `n${Math.floor(random() * 1e9)}`;
    if (kind === 0) writeFileSync(join(folder, fresh), randomBytes(random, 400));
    else if (kind === 1) writeFileSync(join(folder, name!), randomBytes(random, 300));
    else if (kind === 2) renameSync(join(folder, name!), join(folder, fresh));
    else if (kind === 3) truncateSync(join(folder, name!), 7);
    else rmSync(join(folder, name!));
  }
}

/** A file that holds `data` at the ends and a hole between; `size` in bytes. */
export function createSparseFile(path: string, size: number, data: Uint8Array): void {
  const fd = openSync(path, 'w');
  try {
    writeSync(fd, data, 0, data.length, 0);
    ftruncateSync(fd, size);
    writeSync(fd, data, 0, data.length, size - data.length);
  } finally {
    closeSync(fd);
  }
}

export function randomBytes(random: RandomNumber, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, length);
}
