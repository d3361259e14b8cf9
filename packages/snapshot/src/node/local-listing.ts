import { Buffer, isUtf8 } from 'node:buffer';
import { closeSync, lstatSync, openSync, readdirSync, type BigIntStats } from 'node:fs';
import { joinLocalPath, type LocalPath } from './join-local-path.ts';
import type { Libc } from './libc.ts';
import {
  AT_SYMLINK_NOFOLLOW,
  DIRENT_LENGTH,
  DIRENT_NAME,
  OPEN_DIRECTORY,
  STATX_BASIC_STATS,
  STATX_DEVICE_MAJOR,
  STATX_DEVICE_MINOR,
  STATX_GID,
  STATX_INODE,
  STATX_LENGTH,
  STATX_MODE,
  STATX_MTIME_NANOSECONDS,
  STATX_MTIME_SECONDS,
  STATX_SIZE,
  STATX_UID,
} from './linux-abi.ts';

/** Words of one entry in {@link LocalListing.records}: a number of 64 bits takes two, the lower one first. */
export const RECORD_WORDS = 12;
export const RECORD_MODE = 0;
export const RECORD_UID = 1;
export const RECORD_GID = 2;
export const RECORD_INODE = 3;
export const RECORD_SIZE = 5;
export const RECORD_SECONDS = 7;
export const RECORD_NANOSECONDS = 9;
export const RECORD_DEVICE = 10;

/** The entries of a local directory and what `lstat` says of each, without an object for each. */
export interface LocalListing {
  readonly count: number;
  /** One after the other, as the file system has them. */
  readonly names: Uint8Array<ArrayBuffer>;
  /** Where each name ends. */
  readonly nameEnds: Uint32Array<ArrayBuffer>;
  /** {@link RECORD_WORDS} of each entry. */
  readonly records: Uint32Array<ArrayBuffer>;
}

const AT_NO_AUTOMOUNT = 0x800;
const ENOENT = 2;
const DIRENT_BUFFER_BYTES = 64 * 1024;
const WORD_LENGTH = 4;

const DOT = 0x2e;

/** Records that stay for the next directory: some 3 MB. */
const MAX_KEPT_WORDS = 64 * 1024 * RECORD_WORDS;

/** Lists directories in one thread. */
export interface LocalLister {
  /**
   * Valid until the next directory is listed. Undefined: the directory or one of its entries cannot be examined.
   */
  list(path: LocalPath): LocalListing | undefined;
}

export function createLocalLister(libc: Libc | undefined): LocalLister {
  return libc === undefined ? new NodeLister() : new LibcLister(libc);
}

class LibcLister implements LocalLister {
  readonly #libc: Libc;
  readonly #entries: Buffer = Buffer.allocUnsafeSlow(DIRENT_BUFFER_BYTES);
  readonly #statx: Buffer = Buffer.allocUnsafeSlow(STATX_LENGTH);
  readonly #words: Uint32Array;
  readonly #builder: ListingBuilder = new ListingBuilder();
  readonly #entriesAddress: bigint;
  readonly #statxAddress: bigint;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#words = new Uint32Array(this.#statx.buffer, 0, STATX_LENGTH / WORD_LENGTH);
    this.#entriesAddress = libc.addressOf(this.#entries);
    this.#statxAddress = libc.addressOf(this.#statx);
  }

  list(path: LocalPath): LocalListing | undefined {
    let fd: number;
    try {
      fd = openSync(path, OPEN_DIRECTORY);
    } catch {
      return undefined;
    }
    const builder = this.#builder;
    builder.clear();
    try {
      for (;;) {
        const length = this.#libc.getdents64(fd, this.#entries);
        if (length < 0) return undefined;
        if (length === 0) return builder.build();
        if (!this.#addAll(fd, length, builder)) return undefined;
      }
    } finally {
      closeSync(fd);
    }
  }

  #addAll(fd: number, length: number, builder: ListingBuilder): boolean {
    const entries = this.#entries;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    for (let at = 0; at < length;) {
      const next = at + (entries[at + DIRENT_LENGTH]! | (entries[at + DIRENT_LENGTH + 1]! << 8));
      const start = at + DIRENT_NAME;
      const end = entries.indexOf(0, start);
      at = next;
      if (isDots(entries, start, end)) continue;
      const name = this.#entriesAddress + BigInt(start);
      if (this.#libc.statxAt(fd, name, flags, STATX_BASIC_STATS, this.#statxAddress) !== 0) {
        if (this.#libc.lastError() !== ENOENT) return false;
        continue;
      }
      const record = builder.add(entries, start, end);
      this.#copyRecord(builder.records, record);
    }
    return true;
  }

  #copyRecord(records: Uint32Array, record: number): void {
    const words = this.#words;
    records[record + RECORD_MODE] = words[STATX_MODE / WORD_LENGTH]! & 0xffff;
    records[record + RECORD_UID] = words[STATX_UID / WORD_LENGTH]!;
    records[record + RECORD_GID] = words[STATX_GID / WORD_LENGTH]!;
    records[record + RECORD_INODE] = words[STATX_INODE / WORD_LENGTH]!;
    records[record + RECORD_INODE + 1] = words[STATX_INODE / WORD_LENGTH + 1]!;
    records[record + RECORD_SIZE] = words[STATX_SIZE / WORD_LENGTH]!;
    records[record + RECORD_SIZE + 1] = words[STATX_SIZE / WORD_LENGTH + 1]!;
    records[record + RECORD_SECONDS] = words[STATX_MTIME_SECONDS / WORD_LENGTH]!;
    records[record + RECORD_SECONDS + 1] = words[STATX_MTIME_SECONDS / WORD_LENGTH + 1]!;
    records[record + RECORD_NANOSECONDS] = words[STATX_MTIME_NANOSECONDS / WORD_LENGTH]!;
    // As `makedev` puts them together.
    const major = words[STATX_DEVICE_MAJOR / WORD_LENGTH]!;
    const minor = words[STATX_DEVICE_MINOR / WORD_LENGTH]!;
    records[record + RECORD_DEVICE] =
      (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
    records[record + RECORD_DEVICE + 1] = (major & 0xfffff000) | (minor >>> 20);
  }
}

function isDots(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== DOT) return false;
  return end === start + 1 || (end === start + 2 && bytes[start + 1] === DOT);
}

class NodeLister implements LocalLister {
  readonly #builder: ListingBuilder = new ListingBuilder();

  list(path: LocalPath): LocalListing | undefined {
    const builder = this.#builder;
    builder.clear();
    try {
      for (const name of readdirSync(path, { encoding: 'buffer' })) {
        // A path in bytes costs several times more than a string.
        const entry = joinLocalPath(path, isUtf8(name) ? name.toString() : name);
        const stats = lstatSync(entry, { bigint: true, throwIfNoEntry: false });
        if (stats === undefined) continue;
        const record = builder.add(name, 0, name.length);
        copyStats(stats, builder.records, record);
      }
    } catch {
      return undefined;
    }
    return builder.build();
  }
}

function copyStats(stats: BigIntStats, records: Uint32Array, record: number): void {
  const set64 = (word: number, value: bigint): void => {
    records[record + word] = Number(BigInt.asUintN(32, value));
    records[record + word + 1] = Number(BigInt.asUintN(32, value >> 32n));
  };
  records[record + RECORD_MODE] = Number(stats.mode);
  records[record + RECORD_UID] = Number(stats.uid);
  records[record + RECORD_GID] = Number(stats.gid);
  set64(RECORD_INODE, stats.ino);
  set64(RECORD_SIZE, stats.size);
  const nanoseconds = ((stats.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  set64(RECORD_SECONDS, (stats.mtimeNs - nanoseconds) / 1_000_000_000n);
  records[record + RECORD_NANOSECONDS] = Number(nanoseconds);
  set64(RECORD_DEVICE, stats.dev);
}

class ListingBuilder {
  records: Uint32Array<ArrayBuffer> = new Uint32Array(64 * RECORD_WORDS);
  #names: Uint8Array<ArrayBuffer> = new Uint8Array(2048);
  #nameEnds: Uint32Array<ArrayBuffer> = new Uint32Array(64);
  #count = 0;
  #namesLength = 0;

  clear(): void {
    this.#count = 0;
    this.#namesLength = 0;
    if (this.records.length <= MAX_KEPT_WORDS) return;
    this.records = new Uint32Array(64 * RECORD_WORDS);
    this.#nameEnds = new Uint32Array(64);
    this.#names = new Uint8Array(2048);
  }

  /** Gives the place of the entry's record. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.#count === this.#nameEnds.length) {
      this.records = grown(this.records, new Uint32Array(this.records.length * 2));
      this.#nameEnds = grown(this.#nameEnds, new Uint32Array(this.#nameEnds.length * 2));
    }
    while (this.#namesLength + length > this.#names.length) {
      this.#names = grown(this.#names, new Uint8Array(this.#names.length * 2));
    }
    const names = this.#names;
    for (let i = 0, at = this.#namesLength; i < length; i++) names[at + i] = bytes[start + i]!;
    this.#namesLength += length;
    this.#nameEnds[this.#count] = this.#namesLength;
    return this.#count++ * RECORD_WORDS;
  }

  build(): LocalListing {
    return {
      count: this.#count,
      names: this.#names.subarray(0, this.#namesLength),
      nameEnds: this.#nameEnds.subarray(0, this.#count),
      records: this.records.subarray(0, this.#count * RECORD_WORDS),
    };
  }
}

function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
