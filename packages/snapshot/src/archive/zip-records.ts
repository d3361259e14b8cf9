import { encodeUtf8, NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND } from '@longshore/repo';
import { posixModeFromGo } from '../mode.ts';
import type { OutputAttributes } from '../restore/restore-output.ts';

/*
 * Records of a zip archive. Source: PKWARE's APPNOTE.TXT, sections 4.3 to 4.5. All numbers are little-endian.
 */
const LOCAL_HEADER = 0x04034b50;
const DATA_DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_END_OF_DIRECTORY = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_EXTRA = 0x0001;
const UNIX_TIME_EXTRA = 0x5455;

/** Sizes and checksum follow the content; the name is UTF-8. */
const FLAGS = 0x0008 | 0x0800;
const UNIX = 3;
const VERSION_DEFLATE = 20;
const VERSION_ZIP64 = 45;
const UINT32_MAX = 0xffff_ffff;
const UINT16_MAX = 0xffff;
export const MAX_ZIP_NAME_LENGTH: number = UINT16_MAX;

/** Content of so many bytes gets long fields: compression that fails makes it longer by less than the difference. */
const ZIP64_THRESHOLD = 4_000_000_000;

const UNIX_TYPES = { f: 0o100000, d: 0o040000, s: 0o120000 } as const;
const DOS_DIRECTORY = 0x10;

export const ZIP_STORE = 0;
export const ZIP_DEFLATE = 8;

export interface ZipMember {
  readonly type: 'f' | 'd' | 's';
  readonly name: Uint8Array;
  readonly attributes: OutputAttributes;
  readonly method: typeof ZIP_STORE | typeof ZIP_DEFLATE;
  /** Bytes that are expected. */
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** What is known once the content is written. Lengths in bytes. */
export interface ZipContent {
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
}

export function encodeLocalHeader(member: ZipMember): Uint8Array {
  const zip64 = hasLongSizes(member);
  const extra = joined([
    ...(zip64 ? [record().u16(ZIP64_EXTRA).u16(16).u64(0).u64(0)] : []),
    unixTimeExtra(member.attributes),
  ]);
  const { time, date } = dosTime(member.attributes);
  return record()
    .u32(LOCAL_HEADER)
    .u16(zip64 ? VERSION_ZIP64 : VERSION_DEFLATE)
    .u16(FLAGS)
    .u16(member.method)
    .u16(time)
    .u16(date)
    .u32(0)
    .u32(zip64 ? UINT32_MAX : 0)
    .u32(zip64 ? UINT32_MAX : 0)
    .u16(member.name.length)
    .u16(extra.length)
    .bytes(member.name)
    .bytes(extra)
    .end();
}

export function encodeDataDescriptor(
  member: ZipMember,
  { crc, compressedSize, size }: ZipContent,
): Uint8Array {
  const start = record().u32(DATA_DESCRIPTOR).u32(crc);
  return hasLongSizes(member)
    ? start.u64(compressedSize).u64(size).end()
    : start.u32(compressedSize).u32(size).end();
}

export function encodeCentralHeader(member: ZipMember, content: ZipContent): Uint8Array {
  const { attributes, name, offset, method, type } = member;
  const { crc, compressedSize, size } = content;
  const longSizes = hasLongSizes(member);
  const longOffset = offset >= UINT32_MAX;
  const zip64 = record();
  if (longSizes) zip64.u64(size).u64(compressedSize);
  if (longOffset) zip64.u64(offset);
  const fields = zip64.end();
  const extra = joined([
    ...(fields.length > 0 ? [record().u16(ZIP64_EXTRA).u16(fields.length).bytes(fields)] : []),
    unixTimeExtra(attributes),
  ]);
  const version = longSizes || longOffset ? VERSION_ZIP64 : VERSION_DEFLATE;
  const { time, date } = dosTime(attributes);
  const unixMode = UNIX_TYPES[type] | posixModeFromGo(attributes.mode);
  return record()
    .u32(CENTRAL_HEADER)
    .u16((UNIX << 8) | version)
    .u16(version)
    .u16(FLAGS)
    .u16(method)
    .u16(time)
    .u16(date)
    .u32(crc)
    .u32(longSizes ? UINT32_MAX : compressedSize)
    .u32(longSizes ? UINT32_MAX : size)
    .u16(name.length)
    .u16(extra.length)
    .u16(0)
    .u16(0)
    .u16(0)
    .u32(unixMode * 0x10000 + (type === 'd' ? DOS_DIRECTORY : 0))
    .u32(longOffset ? UINT32_MAX : offset)
    .bytes(name)
    .bytes(extra)
    .end();
}

/** The end of the archive. Lengths and offsets in bytes. */
export function encodeEndOfDirectory(directory: {
  readonly count: number;
  readonly length: number;
  readonly offset: number;
}): Uint8Array {
  const { count, length, offset } = directory;
  const isLong = count >= UINT16_MAX || length >= UINT32_MAX || offset >= UINT32_MAX;
  const end = record();
  if (isLong) {
    end
      .u32(ZIP64_END_OF_DIRECTORY)
      .u64(44)
      .u16((UNIX << 8) | VERSION_ZIP64)
      .u16(VERSION_ZIP64)
      .u32(0)
      .u32(0)
      .u64(count)
      .u64(count)
      .u64(length)
      .u64(offset)
      .u32(ZIP64_LOCATOR)
      .u32(0)
      .u64(offset + length)
      .u32(1);
  }
  return end
    .u32(END_OF_DIRECTORY)
    .u16(0)
    .u16(0)
    .u16(isLong ? UINT16_MAX : count)
    .u16(isLong ? UINT16_MAX : count)
    .u32(isLong ? UINT32_MAX : length)
    .u32(isLong ? UINT32_MAX : offset)
    .u16(0)
    .end();
}

function hasLongSizes({ size }: ZipMember): boolean {
  return size >= ZIP64_THRESHOLD;
}

/** Unix seconds, where they fit. */
function unixTimeExtra({ mtime }: OutputAttributes): RecordWriter {
  const seconds = mtime / NANOSECONDS_PER_SECOND;
  if (mtime < 0n || seconds > 0x7fff_ffffn) return record();
  return record().u16(UNIX_TIME_EXTRA).u16(5).u8(1).u32(Number(seconds));
}

/** UTC, to two seconds, 1980 to 2107. */
function dosTime({ mtime }: OutputAttributes): { readonly time: number; readonly date: number } {
  const when = new Date(Number(mtime / NANOSECONDS_PER_MILLISECOND));
  const year = when.getUTCFullYear();
  if (!(year >= 1980)) return { time: 0, date: (1 << 5) | 1 };
  if (year > 2107) return { time: 0xbf7d, date: 0xff9f };
  return {
    time: (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >> 1),
    date: ((year - 1980) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate(),
  };
}

function joined(records: readonly RecordWriter[]): Uint8Array {
  const all = record();
  for (const each of records) all.bytes(each.end());
  return all.end();
}

function record(): RecordWriter {
  return new RecordWriter();
}

/** Little-endian fields, one after another. */
class RecordWriter {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value & UINT16_MAX).u16(value >>> 16);
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  bytes(data: Uint8Array): this {
    for (const byte of data) this.#bytes.push(byte);
    return this;
  }

  end(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** With `/`; that of a directory ends in one. */
export function zipName(path: string): Uint8Array {
  return encodeUtf8(path);
}
