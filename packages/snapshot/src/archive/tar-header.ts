import { concatBytes, encodeUtf8, NANOSECONDS_PER_SECOND } from '@longshore/repo';
import { posixModeFromGo } from '../mode.ts';
import type { OutputAttributes } from '../restore/restore-output.ts';

/** Bytes of a record: headers take one, and content is filled up to a multiple. */
export const TAR_RECORD_LENGTH = 512;

/*
 * A POSIX.1-1988 header (ustar): offset and length of each field. Numbers are octal and end in a NUL.
 * name 0,100 | mode 100,8 | uid 108,8 | gid 116,8 | size 124,12 | mtime 136,12 | checksum 148,8 | type 156,1
 * | linkname 157,100 | magic 257,6 | version 263,2 | uname 265,32 | gname 297,32 | devmajor 329,8 | devminor 337,8
 * | prefix 345,155
 */
const NAME = { offset: 0, length: 100 };
const MODE = { offset: 100, length: 8 };
const UID = { offset: 108, length: 8 };
const GID = { offset: 116, length: 8 };
const SIZE = { offset: 124, length: 12 };
const MTIME = { offset: 136, length: 12 };
const CHECKSUM = { offset: 148, length: 8 };
const TYPE_OFFSET = 156;
const LINK_NAME = { offset: 157, length: 100 };
const MAGIC_OFFSET = 257;
const PREFIX = { offset: 345, length: 155 };

const TYPES = { f: '0', s: '2', d: '5', extended: 'x' } as const;

export interface TarMember {
  readonly type: 'f' | 's' | 'd';
  /** With `/`; that of a directory ends in one. */
  readonly path: string;
  readonly attributes: OutputAttributes;
  /** Bytes of content that follow. */
  readonly size: number;
  readonly linkTarget?: Uint8Array | undefined;
}

/**
 * The header of a member. What does not fit into one is put into an extended header in front of it (POSIX.1-2001, pax),
 * which every tar of this century reads. Times are whole seconds, as Kopia's are; modes are POSIX bits, where Kopia
 * writes Go's, in which no tar finds setuid.
 */
export function encodeTarHeader(member: TarMember): Uint8Array {
  const { path, attributes, linkTarget = new Uint8Array(), size, type } = member;
  const extended: Uint8Array[] = [];
  const header = new Uint8Array(TAR_RECORD_LENGTH);
  const pathBytes = encodeUtf8(path);
  if (!putPath(header, pathBytes)) {
    extended.push(paxRecord('path', pathBytes));
    header.set(shortened(pathBytes, NAME.length), NAME.offset);
  }
  if (linkTarget.length > LINK_NAME.length || !isAscii(linkTarget)) {
    extended.push(paxRecord('linkpath', linkTarget));
  }
  header.set(shortened(linkTarget, LINK_NAME.length), LINK_NAME.offset);
  const numbers = [
    ['uid', UID, BigInt(attributes.uid)],
    ['gid', GID, BigInt(attributes.gid)],
    ['size', SIZE, BigInt(size)],
    ['mtime', MTIME, roundedSeconds(attributes.mtime)],
  ] as const;
  for (const [name, field, value] of numbers) {
    const fits = putOctal(header, field, value);
    if (!fits) extended.push(paxRecord(name, encodeUtf8(String(value))));
  }
  putOctal(header, MODE, BigInt(posixModeFromGo(attributes.mode)));
  finishHeader(header, TYPES[type]);
  if (extended.length === 0) return header;
  return concatBytes([...extendedHeader(concatBytes(extended)), header]);
}

/** Zeros behind `length` bytes of content. */
export function tarPadding(length: number): Uint8Array {
  return new Uint8Array((TAR_RECORD_LENGTH - (length % TAR_RECORD_LENGTH)) % TAR_RECORD_LENGTH);
}

function extendedHeader(records: Uint8Array): readonly Uint8Array[] {
  const header = new Uint8Array(TAR_RECORD_LENGTH);
  header.set(encodeUtf8('PaxHeaders.0/extended'), NAME.offset);
  putOctal(header, MODE, 0o644n);
  for (const field of [UID, GID, MTIME]) putOctal(header, field, 0n);
  putOctal(header, SIZE, BigInt(records.length));
  finishHeader(header, TYPES.extended);
  return [header, records, tarPadding(records.length)];
}

/** `<length> <name>=<value>\n`, where the length counts itself. */
function paxRecord(name: string, value: Uint8Array): Uint8Array {
  const rest = concatBytes([encodeUtf8(` ${name}=`), value, encodeUtf8('\n')]);
  let length = rest.length + String(rest.length).length;
  length = rest.length + String(length).length;
  return concatBytes([encodeUtf8(String(length)), rest]);
}

/** The name alone, or split at a slash; false if it fits neither way. Beyond ASCII its encoding would be anyone's guess. */
function putPath(header: Uint8Array, path: Uint8Array): boolean {
  if (!isAscii(path)) return false;
  if (path.length <= NAME.length) {
    header.set(path, NAME.offset);
    return true;
  }
  const slash = 0x2f;
  // The last slash before a name that fits; a slash at the very end belongs to the name of a directory.
  const earliest = path.length - NAME.length - 1;
  for (let i = Math.max(earliest, 1); i < path.length - 1 && i <= PREFIX.length; i++) {
    if (path[i] !== slash) continue;
    header.set(path.subarray(0, i), PREFIX.offset);
    header.set(path.subarray(i + 1), NAME.offset);
    return true;
  }
  return false;
}

/** False, and zero in the field, if the number is negative or too large for it. */
function putOctal(
  header: Uint8Array,
  { offset, length }: { readonly offset: number; readonly length: number },
  value: bigint,
): boolean {
  const digits = value < 0n ? '' : value.toString(8);
  const fits = digits !== '' && digits.length < length;
  header.set(encodeUtf8((fits ? digits : '').padStart(length - 1, '0')), offset);
  return fits;
}

function finishHeader(header: Uint8Array, type: string): void {
  header.set(encodeUtf8(type), TYPE_OFFSET);
  header.set(encodeUtf8('ustar\u000000'), MAGIC_OFFSET);
  // The checksum is the sum of all bytes with spaces in its own place.
  header.fill(0x20, CHECKSUM.offset, CHECKSUM.offset + CHECKSUM.length);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(encodeUtf8(`${sum.toString(8).padStart(6, '0')}\u0000 `), CHECKSUM.offset);
}

function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/** Its first bytes that are ASCII: what old programs show. */
function shortened(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.subarray(0, length).map((byte) => (byte < 0x80 ? byte : 0x3f));
}

/** To the nearest second, as Go's tar writer does. */
function roundedSeconds(time: bigint): bigint {
  const shifted = time + NANOSECONDS_PER_SECOND / 2n;
  const seconds = shifted / NANOSECONDS_PER_SECOND;
  return shifted < 0n && shifted % NANOSECONDS_PER_SECOND !== 0n ? seconds - 1n : seconds;
}
