import { constants } from 'node:fs';
import { goModeFromPosix } from '../mode.ts';
import {
  GID,
  LISTING_STRIDE,
  MODE,
  MTIME_NANOSECONDS,
  MTIME_SECONDS,
  NAME_END,
  NAME_START,
  OBJECT_END,
  OBJECT_START,
  SIZE,
  TYPE,
  UID,
  type StoredListing,
} from '../stored-listing.ts';
import {
  RECORD_GID,
  RECORD_MODE,
  RECORD_NANOSECONDS,
  RECORD_SECONDS,
  RECORD_SIZE,
  RECORD_UID,
  RECORD_WORDS,
  type LocalListing,
} from './local-listing.ts';

/** A local directory whose files and symlinks are all as an earlier snapshot has them, and which has no others. */
export interface SameListing {
  /** Which of the local entries are directories. */
  readonly directories: Uint32Array<ArrayBuffer>;
  /** Where they are stored. */
  readonly storedDirectories: Uint32Array<ArrayBuffer>;
  /** Files and symlinks. */
  readonly fileCount: number;
  /** Their bytes. */
  readonly totalSize: number;
  /** Keys of the first contents of their objects, each of `keyLength` bytes. */
  readonly contentKeys: Uint8Array<ArrayBuffer>;
  readonly keyLength: number;
}

const LETTER_D = 0x64;
const LETTER_F = 0x66;
const LETTER_S = 0x73;
const LETTER_I = 0x49;
const LETTER_Z = 0x5a;
const WORD = 2 ** 32;
/** Steps from a taken slot to the next, for each entry; names that nobody made to collide need one or two. */
const MAX_STEPS_PER_ENTRY = 16;

/**
 * Compares names, types and metadata by the rules of `isUnchanged`, only stricter: all of the mode counts. Directories are
 * compared by name. Undefined: something differs, or a closer look is needed to tell. That is so too for names made to
 * collide, which would take the square of their number here.
 */
export function compareListing(
  local: LocalListing,
  stored: StoredListing,
): SameListing | undefined {
  if (local.count !== stored.count) return undefined;
  const names = new NameTable(stored);
  if (!names.isUsable) return undefined;
  const directories: number[] = [];
  const storedDirectories: number[] = [];
  const keys = new ContentKeys(stored);
  let totalSize = 0;
  let start = 0;
  for (let i = 0; i < local.count; i++) {
    const end = local.nameEnds[i]!;
    const index = names.find(local.names, start, end);
    start = end;
    if (index < 0) return undefined;
    const row = index * LISTING_STRIDE;
    const record = i * RECORD_WORDS;
    const type = typeLetter(local.records[record + RECORD_MODE]!);
    if (type === 0 || type !== stored.rows[row + TYPE]) return undefined;
    if (type === LETTER_D) {
      directories.push(i);
      storedDirectories.push(index);
      continue;
    }
    if (!isSame(local.records, record, stored.rows, row) || !keys.add(row)) return undefined;
    totalSize += stored.rows[row + SIZE]!;
  }
  return {
    directories: Uint32Array.from(directories),
    storedDirectories: Uint32Array.from(storedDirectories),
    fileCount: local.count - directories.length,
    totalSize,
    contentKeys: keys.bytes,
    keyLength: keys.keyLength,
  };
}

/** 0 for what is never stored. */
function typeLetter(mode: number): number {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return LETTER_F;
    case constants.S_IFDIR:
      return LETTER_D;
    case constants.S_IFLNK:
      return LETTER_S;
    default:
      return 0;
  }
}

function isSame(records: Uint32Array, record: number, rows: Float64Array, row: number): boolean {
  const seconds =
    (records[record + RECORD_SECONDS + 1]! | 0) * WORD + records[record + RECORD_SECONDS]!;
  const size = records[record + RECORD_SIZE + 1]! * WORD + records[record + RECORD_SIZE]!;
  return (
    rows[row + MTIME_NANOSECONDS] === records[record + RECORD_NANOSECONDS] &&
    rows[row + MTIME_SECONDS] === seconds &&
    rows[row + SIZE] === size &&
    rows[row + MODE] === goModeFromPosix(records[record + RECORD_MODE]!) &&
    rows[row + UID] === records[record + RECORD_UID] &&
    rows[row + GID] === records[record + RECORD_GID]
  );
}

/** Finds entries of a listing by the bytes of their names. */
class NameTable {
  /** False if two names are the same, or too many collide. */
  readonly isUsable: boolean;
  readonly #stored: StoredListing;
  /** Number of the entry + 1, or 0 for a free slot; at most half of them are taken. */
  readonly #slots: Uint32Array;
  #stepsLeft: number;

  constructor(stored: StoredListing) {
    this.#stored = stored;
    this.#slots = emptySlots(2 ** Math.ceil(Math.log2(2 * stored.count + 2)));
    this.#stepsLeft = MAX_STEPS_PER_ENTRY * stored.count;
    let isUsable = true;
    for (let i = 0; i < stored.count && isUsable; i++) {
      const row = i * LISTING_STRIDE;
      const slot = this.#slotOf(
        stored.bytes,
        stored.rows[row + NAME_START]!,
        stored.rows[row + NAME_END]!,
      );
      if (slot < 0 || this.#slots[slot] !== 0) isUsable = false;
      else this.#slots[slot] = i + 1;
    }
    this.isUsable = isUsable;
  }

  /** -1 if there is no such name, or if too many collide. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const slot = this.#slotOf(bytes, start, end);
    return slot < 0 ? -1 : this.#slots[slot]! - 1;
  }

  /** The slot of the name, or the free one where it would go; -1 if that takes more steps than are left. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(bytes, start, end) & mask;
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.#isName(entry - 1, bytes, start, end)) return slot;
      this.#stepsLeft -= 1;
      if (this.#stepsLeft < 0) return -1;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #isName(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { bytes: stored, rows } = this.#stored;
    const from = rows[index * LISTING_STRIDE + NAME_START]!;
    if (rows[index * LISTING_STRIDE + NAME_END]! - from !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (stored[from + i] !== bytes[start + i]) return false;
    return true;
  }
}

/** Used for one table at a time. Larger ones are not kept. */
const slotScratch = new Uint32Array(64 * 1024);

function emptySlots(count: number): Uint32Array {
  if (count > slotScratch.length) return new Uint32Array(count);
  return slotScratch.subarray(0, count).fill(0);
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Collects the keys of contents: see `encodeContentKey` of the repository. */
class ContentKeys {
  keyLength = 0;
  readonly #stored: StoredListing;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;

  constructor(stored: StoredListing) {
    this.#stored = stored;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** False if the entry has no object ID of the length that all others have. */
  add(row: number): boolean {
    const { bytes, rows, count } = this.#stored;
    const end = rows[row + OBJECT_END]!;
    let at = rows[row + OBJECT_START]!;
    if (bytes[at] === LETTER_I) while (bytes[at] === LETTER_I) at += 1;
    else if (bytes[at] === LETTER_Z) at += 1;
    const isPrefixed = (end - at) % 2;
    const length = 1 + (end - at - isPrefixed) / 2;
    if (this.keyLength === 0) {
      this.keyLength = length;
      this.#bytes = new Uint8Array(length * count);
    }
    if (length < 2 || length !== this.keyLength) return false;
    const prefix = isPrefixed === 1 ? bytes[at++]! : 0;
    if (isPrefixed === 1 && !(prefix >= 0x67 && prefix <= 0x7a)) return false;
    const keys = this.#bytes;
    keys[this.#length++] = prefix;
    for (; at < end; at += 2) {
      const high = hexDigit(bytes[at]!);
      const low = hexDigit(bytes[at + 1]!);
      if (high < 0 || low < 0) return false;
      keys[this.#length++] = (high << 4) | low;
    }
    return true;
  }
}

/** -1 for what is no lower-case hex digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
