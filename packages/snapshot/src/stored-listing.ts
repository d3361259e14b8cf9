/*
 * A directory stream read without an object for each entry. Only the form that Kopia and longshore write is understood,
 * with names that need no escapes; whoever meets another one reads it as JSON. docs/format/directory.md.
 * Imports nothing: threads load it for themselves.
 */

/** Numbers of one entry in {@link StoredListing.rows}. Starts and ends are offsets in its bytes. */
export const LISTING_STRIDE = 13;
export const NAME_START = 0;
export const NAME_END = 1;
/** A character code; 0 if the entry has none. */
export const TYPE = 2;
export const MODE = 3;
export const SIZE = 4;
/** Seconds since 1970, rounded down. */
export const MTIME_SECONDS = 5;
export const MTIME_NANOSECONDS = 6;
export const UID = 7;
export const GID = 8;
/** Equal to {@link OBJECT_END} if the entry has no object. */
export const OBJECT_START = 9;
export const OBJECT_END = 10;
/** Of the JSON object; both 0 if there is none. */
export const SUMMARY_START = 11;
export const SUMMARY_END = 12;

export interface StoredListing {
  /** The whole stream. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** {@link LISTING_STRIDE} numbers for each entry, in stored order. */
  readonly rows: Float64Array;
  /** Of the JSON object with the totals of the directory. */
  readonly summaryStart: number;
  readonly summaryEnd: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const HEAD = encoder.encode('{"stream":"kopia:directory","entries":[');
const TAIL = encoder.encode('],"summary":');
const KEYS = ['name', 'type', 'mode', 'size', 'mtime', 'uid', 'gid', 'obj', 'summ'].map((key) =>
  encoder.encode(`"${key}":`),
);

const QUOTE = 0x22;
const COMMA = 0x2c;
const DASH = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NEWLINE = 0x0a;

const UINT32_MAX = 0xffff_ffff;
/** Digits of a number that a double holds for certain. */
const MAX_DIGITS = 15;
/** Years all of whose times fit into 64 bits of nanoseconds. */
const FIRST_YEAR = 1678;
const LAST_YEAR = 2261;
/** A guess of how long an entry is: the rows grow where it is wrong. */
const TYPICAL_ENTRY_LENGTH = 128;

const MIN_ROWS = 64 * LISTING_STRIDE;
/** Some 8 MB. */
const MAX_KEPT_ROWS = 80_000 * LISTING_STRIDE;

/** Undefined for every form but the usual one, damaged streams included. */
export function scanStoredListing(bytes: Uint8Array): StoredListing | undefined {
  const expected = Math.ceil(bytes.length / TYPICAL_ENTRY_LENGTH) + 1;
  return new ListingScanner(bytes, new Float64Array(expected * LISTING_STRIDE)).scan();
}

/** Scans listings one after the other into the same rows: each is valid until the next one is scanned. */
export class ReusingListingScanner {
  #rows: Float64Array = new Float64Array(0);

  scan(bytes: Uint8Array): StoredListing | undefined {
    const listing = new ListingScanner(bytes, this.#rows).scan();
    if (listing !== undefined && listing.rows.length <= MAX_KEPT_ROWS) this.#rows = listing.rows;
    return listing;
  }
}

/** The listing with only the entries of these numbers, sharing nothing but the bytes. */
export function pickListed(listing: StoredListing, chosen: Uint32Array): StoredListing {
  const rows = new Float64Array(chosen.length * LISTING_STRIDE);
  for (const [place, index] of chosen.entries()) {
    const row = index * LISTING_STRIDE;
    rows.set(listing.rows.subarray(row, row + LISTING_STRIDE), place * LISTING_STRIDE);
  }
  return { ...listing, count: chosen.length, rows };
}

class ListingScanner {
  readonly #bytes: Uint8Array;
  #rows: Float64Array;
  #count = 0;
  #at = 0;
  #isASCII = true;
  /** Of the value that was read last. */
  #end = 0;
  #seconds = 0;
  #nanoseconds = 0;

  constructor(bytes: Uint8Array, rows: Float64Array) {
    this.#bytes = bytes;
    this.#rows = rows;
  }

  scan(): StoredListing | undefined {
    const bytes = this.#bytes;
    if (!this.#take(HEAD)) return undefined;
    do {
      if (!this.#entry()) return undefined;
    } while (this.#takeByte(COMMA));
    if (!this.#take(TAIL)) return undefined;
    const summaryStart = this.#at;
    if (!this.#skipObject()) return undefined;
    const summaryEnd = this.#at;
    if (!this.#takeByte(CLOSE_BRACE)) return undefined;
    this.#takeByte(NEWLINE);
    if (this.#at !== bytes.length || !(this.#isASCII || isValidUtf8(bytes))) return undefined;
    return { bytes, count: this.#count, rows: this.#rows, summaryStart, summaryEnd };
  }

  #entry(): boolean {
    const bytes = this.#bytes;
    const row = this.#count * LISTING_STRIDE;
    if (row + LISTING_STRIDE > this.#rows.length) this.#grow();
    if (!this.#takeByte(OPEN_BRACE)) return false;
    this.#rows.fill(0, row, row + LISTING_STRIDE);
    for (let field = 0; field < KEYS.length; field++) {
      if (!this.#take(KEYS[field]!)) continue;
      if (!this.#value(field, row)) return false;
      const next = bytes[this.#at++];
      if (next === COMMA) continue;
      if (next !== CLOSE_BRACE) return false;
      this.#count += 1;
      return true;
    }
    return false;
  }

  #value(field: number, row: number): boolean {
    const rows = this.#rows;
    switch (field) {
      case 0:
        return this.#text(row + NAME_START);
      case 1:
        return this.#type(row);
      case 2:
        return this.#mode(row);
      case 3:
        return this.#number(row + SIZE, Number.MAX_SAFE_INTEGER);
      case 4:
        if (!this.#time()) return false;
        rows[row + MTIME_SECONDS] = this.#seconds;
        rows[row + MTIME_NANOSECONDS] = this.#nanoseconds;
        return true;
      case 5:
        return this.#number(row + UID, UINT32_MAX);
      case 6:
        return this.#number(row + GID, UINT32_MAX);
      case 7:
        return this.#text(row + OBJECT_START);
      default:
        rows[row + SUMMARY_START] = this.#at;
        if (!this.#skipObject()) return false;
        rows[row + SUMMARY_END] = this.#at;
        return true;
    }
  }

  /** A string without escapes: its start and end go to two columns. */
  #text(column: number): boolean {
    const bytes = this.#bytes;
    if (!this.#takeByte(QUOTE)) return false;
    const start = this.#at;
    let at = start;
    for (; ; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === undefined || byte === BACKSLASH || byte < 0x20) return false;
      if (byte >= 0x80) this.#isASCII = false;
    }
    this.#rows[column] = start;
    this.#rows[column + 1] = at;
    this.#at = at + 1;
    return true;
  }

  #type(row: number): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const letter = bytes[at + 1]!;
    const isLetter = letter >= 0x61 && letter <= 0x7a;
    if (bytes[at] !== QUOTE || !isLetter || bytes[at + 2] !== QUOTE) return false;
    this.#rows[row + TYPE] = letter;
    this.#at = at + 3;
    return true;
  }

  /** `"0` and octal digits: the only form that is written. */
  #mode(row: number): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE || bytes[this.#at + 1] !== ZERO) return false;
    let at = this.#at + 2;
    let mode = 0;
    for (; bytes[at] !== QUOTE; at++) {
      const digit = bytes[at]! - ZERO;
      if (!(digit >= 0 && digit < 8)) return false;
      mode = mode * 8 + digit;
      if (mode > UINT32_MAX) return false;
    }
    this.#rows[row + MODE] = mode;
    this.#at = at + 1;
    return true;
  }

  /** Without a sign, a fraction, an exponent or a leading zero. */
  #number(column: number, max: number): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (; ; at++) {
      const digit = bytes[at]! - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    if (at === start || at - start > MAX_DIGITS || bytes[start] === ZERO || value > max)
      return false;
    this.#rows[column] = value;
    this.#at = at;
    return true;
  }

  /** `"YYYY-MM-DDThh:mm:ss[.fraction]Z"` of a time that 64 bits of nanoseconds hold. */
  #time(): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const isPunctuated =
      bytes[at] === QUOTE &&
      bytes[at + 5] === DASH &&
      bytes[at + 8] === DASH &&
      bytes[at + 11] === LETTER_T &&
      bytes[at + 14] === COLON &&
      bytes[at + 17] === COLON;
    if (!isPunctuated) return false;
    const year = 100 * this.#twoDigits(at + 1) + this.#twoDigits(at + 3);
    const month = this.#twoDigits(at + 6);
    const day = this.#twoDigits(at + 9);
    const hour = this.#twoDigits(at + 12);
    const minute = this.#twoDigits(at + 15);
    const second = this.#twoDigits(at + 18);
    const isPlain =
      year >= FIRST_YEAR &&
      year <= LAST_YEAR &&
      month >= 1 &&
      month <= 12 &&
      day >= 1 &&
      day <= PLAIN_DAYS[month]! + (month === 2 && isLeapYear(year) ? 1 : 0) &&
      hour <= 23 &&
      minute <= 59 &&
      second <= 59;
    if (!isPlain || !this.#fraction(at + 20)) return false;
    this.#seconds = daysSinceEpoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    this.#at = this.#end;
    return true;
  }

  /** From behind the seconds to behind the closing quote. */
  #fraction(start: number): boolean {
    const bytes = this.#bytes;
    let at = start;
    let nanoseconds = 0;
    if (bytes[at] === DOT) {
      at += 1;
      const first = at;
      for (; ; at++) {
        const digit = bytes[at]! - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        nanoseconds = nanoseconds * 10 + digit;
      }
      const count = at - first;
      if (count < 1 || count > 9) return false;
      nanoseconds *= POWERS_OF_TEN[9 - count]!;
    }
    this.#nanoseconds = nanoseconds;
    this.#end = at + 2;
    return bytes[at] === LETTER_Z && bytes[at + 1] === QUOTE;
  }

  /** NaN, which no comparison holds for, if one is no digit. */
  #twoDigits(at: number): number {
    const tens = this.#bytes[at]! - ZERO;
    const ones = this.#bytes[at + 1]! - ZERO;
    const areDigits = tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
    return areDigits ? tens * 10 + ones : Number.NaN;
  }

  /** Any JSON object: what is in it is checked when it is read. */
  #skipObject(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] !== OPEN_BRACE) return false;
    let depth = 0;
    let inText = false;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x80) this.#isASCII = false;
      if (inText) {
        if (byte === BACKSLASH) at += 1;
        else if (byte === QUOTE) inText = false;
      } else if (byte === QUOTE) inText = true;
      else if (byte === OPEN_BRACE) depth += 1;
      else if (byte === CLOSE_BRACE && --depth === 0) {
        this.#at = at + 1;
        return true;
      }
    }
    return false;
  }

  #take(text: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
    this.#at = at + text.length;
    return true;
  }

  #takeByte(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #grow(): void {
    const rows = new Float64Array(Math.max(MIN_ROWS, this.#rows.length * 2));
    rows.set(this.#rows);
    this.#rows = rows;
  }
}

const POWERS_OF_TEN = Array.from({ length: 10 }, (_, exponent) => 10 ** exponent);
function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Of each month, 1 to 12, without leap days. */
const PLAIN_DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Of the Gregorian calendar; the year begins in March, so that a leap day is its last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return shifted * 365 + leapDays + dayOfYear - 719_468;
}

function isValidUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
