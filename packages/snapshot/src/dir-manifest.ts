import {
  compareBytes,
  concatBytes,
  CorruptDataError,
  encodeGoString,
  encodeUtf8,
  field,
  formatGoTime,
  parseGoJSON,
  parseGoTime,
  parseObjectID,
  type EpochNanoseconds,
  type ObjectID,
} from '@longshore/repo';
import { countField, isObject, listField, textField, wrongType } from './json-fields.ts';
import { compareUtf8 } from './text-order.ts';

/** Why a directory or snapshot does not hold everything. Another program may give a reason of its own. */
export type IncompleteReason = 'checkpoint' | 'canceled' | 'limit reached' | (string & {});

export interface EntryError {
  /** Relative to the snapshot root, with `/`. */
  readonly path: string;
  readonly error: string;
}

/** Totals over everything below a directory. Source: docs/format/directory.md. */
export interface DirSummary {
  /** Bytes of all files; symlinks are not counted. */
  readonly size: number;
  readonly files: number;
  readonly symlinks: number;
  /** Directories, this one included. */
  readonly dirs: number;
  readonly maxTime: EpochNanoseconds;
  readonly incomplete?: IncompleteReason | undefined;
  readonly numFailed: number;
  readonly numIgnoredErrors: number;
  readonly errors: readonly EntryError[];
}

/** One entry as a directory object or a snapshot's `rootEntry` stores it. */
export interface DirEntry {
  /** Invalid UTF-8 is shown as U+FFFD; `rawName` has the bytes where they are known. */
  readonly name: string;
  readonly rawName?: Uint8Array | undefined;
  /** `f`, `d`, `s`; anything else cannot be restored. */
  readonly type: string;
  /** Go's portable mode bits: nine permission bits, setuid 1<<23, setgid 1<<22, sticky 1<<20. */
  readonly mode: number;
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  readonly uid: number;
  readonly gid: number;
  readonly objectID: ObjectID | undefined;
  readonly summary?: DirSummary | undefined;
}

export interface DirManifest {
  readonly entries: readonly DirEntry[];
  readonly summary: DirSummary;
}

const STREAM = 'kopia:directory';
const UINT32_MAX = 0xffff_ffff;

/** Directories first, then everything else; inside each group by the bytes of the name. */
export function compareDirEntries(a: DirEntry, b: DirEntry): number {
  if ((a.type === 'd') !== (b.type === 'd')) return a.type === 'd' ? -1 : 1;
  if (a.rawName === undefined && b.rawName === undefined) return compareUtf8(a.name, b.name);
  return compareBytes(a.rawName ?? encodeUtf8(a.name), b.rawName ?? encodeUtf8(b.name));
}

/** Entries that are encoded into one piece: bounds the text held at once, whatever the directory's size. */
const ENTRIES_PER_PIECE = 4096;

/** The exact stream that Kopia writes for the same directory, final newline included. `entries` must be sorted. */
export function encodeDirManifest(manifest: DirManifest): Uint8Array {
  return concatBytes([...encodeDirManifestPieces(manifest)]);
}

/** {@link encodeDirManifest} in pieces, in order. */
export function* encodeDirManifestPieces(manifest: DirManifest): Generator<Uint8Array, void, void> {
  const { entries } = manifest;
  let text = `{"stream":"${STREAM}","entries":${entries.length === 0 ? 'null' : '['}`;
  for (let start = 0; start < entries.length; start += ENTRIES_PER_PIECE) {
    const piece = entries.slice(start, start + ENTRIES_PER_PIECE).map(encodeDirEntry);
    yield encodeUtf8(`${text}${start === 0 ? '' : ','}${piece.join(',')}`);
    text = '';
  }
  if (entries.length > 0) text += ']';
  yield encodeUtf8(`${text},"summary":${encodeDirSummary(manifest.summary)}}\n`);
}

/** The compact JSON of one entry, without a newline. */
export function encodeDirEntry(entry: DirEntry): string {
  let members = '';
  if (entry.name !== '') members += `,"name":${encodeGoString(entry.rawName ?? entry.name)}`;
  if (entry.type !== '') members += `,"type":${encodeGoString(entry.type)}`;
  if (entry.mode !== 0) members += `,"mode":"0${entry.mode.toString(8)}"`;
  if (entry.size !== 0) members += `,"size":${entry.size}`;
  const mtime = wrapTime(entry.mtime);
  if (mtime !== 0n) members += `,"mtime":"${formatGoTime(mtime)}"`;
  if (entry.uid !== 0) members += `,"uid":${entry.uid}`;
  if (entry.gid !== 0) members += `,"gid":${entry.gid}`;
  members += `,"obj":"${entry.objectID ?? ''}"`;
  if (entry.summary !== undefined) members += `,"summ":${encodeDirSummary(entry.summary)}`;
  return `{${members.slice(1)}}`;
}

function encodeDirSummary(summary: DirSummary): string {
  let json =
    `{"size":${summary.size},"files":${summary.files},"symlinks":${summary.symlinks},` +
    `"dirs":${summary.dirs},"maxTime":"${formatGoTime(wrapTime(summary.maxTime))}"`;
  if (summary.incomplete) json += `,"incomplete":${encodeGoString(summary.incomplete)}`;
  json += `,"numFailed":${summary.numFailed}`;
  if (summary.numIgnoredErrors !== 0) json += `,"numIgnoredErrors":${summary.numIgnoredErrors}`;
  if (summary.errors.length > 0) {
    const errors = summary.errors.map(
      ({ path, error }) => `{"path":${encodeGoString(path)},"error":${encodeGoString(error)}}`,
    );
    json += `,"errors":[${errors.join(',')}]`;
  }
  return `${json}}`;
}

/** Kopia holds times as 64-bit nanoseconds: what lies outside of 1677 to 2262 wraps around. */
export function wrapTime(time: EpochNanoseconds): EpochNanoseconds {
  return BigInt.asIntN(64, time);
}

/** A time member of parsed JSON; the epoch if it is absent. */
export function timeField(object: unknown, name: string, what: string): EpochNanoseconds {
  const value = textField(object, name, what);
  return value === '' ? 0n : wrapTime(parseGoTime(value, `${what}: ${name}`));
}

/** Anything but a directory stream with well-formed entries is CORRUPT_DATA naming `what` and the field. */
export function parseDirManifest(bytes: Uint8Array, what: string): DirManifest {
  const root = parseGoJSON(bytes, what, { firstValueOnly: true });
  const stream = field(root, 'stream');
  if (stream !== STREAM) {
    throw new CorruptDataError(`${what}: not a directory: its stream is not ${STREAM}`, {
      field: 'stream',
    });
  }
  return {
    entries: listField(root, 'entries', what).map((entry) => parseDirEntry(entry, what)),
    summary: parseDirSummary(field(root, 'summary'), what) ?? EMPTY_SUMMARY,
  };
}

export const EMPTY_SUMMARY: DirSummary = {
  size: 0,
  files: 0,
  symlinks: 0,
  dirs: 0,
  maxTime: 0n,
  numFailed: 0,
  numIgnoredErrors: 0,
  errors: [],
};

/** One entry out of parsed JSON: of a directory object, a snapshot's `rootEntry` or a placeholder. */
export function parseDirEntry(value: unknown, what: string): DirEntry {
  if (!isObject(value)) throw wrongType('entry', 'an object', what);
  const summary = parseDirSummary(field(value, 'summ'), what);
  return {
    name: textField(value, 'name', what),
    type: textField(value, 'type', what),
    mode: parseMode(textField(value, 'mode', what), what),
    size: countField(value, 'size', what),
    mtime: timeField(value, 'mtime', what),
    uid: ownerField(value, 'uid', what),
    gid: ownerField(value, 'gid', what),
    objectID: parseStoredObjectID(textField(value, 'obj', what), what),
    ...(summary === undefined ? {} : { summary }),
  };
}

/** A summary as bytes of a directory stream. CORRUPT_DATA if it is not one. */
export function parseDirSummaryJSON(bytes: Uint8Array, what: string): DirSummary {
  return parseDirSummary(parseGoJSON(bytes, what), what) ?? EMPTY_SUMMARY;
}

function parseDirSummary(value: unknown, what: string): DirSummary | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw wrongType('summary', 'an object', what);
  const incomplete = textField(value, 'incomplete', what);
  return {
    size: countField(value, 'size', what),
    files: countField(value, 'files', what),
    symlinks: countField(value, 'symlinks', what),
    dirs: countField(value, 'dirs', what),
    maxTime: timeField(value, 'maxTime', what),
    ...(incomplete === '' ? {} : { incomplete }),
    numFailed: countField(value, 'numFailed', what),
    numIgnoredErrors: countField(value, 'numIgnoredErrors', what),
    errors: listField(value, 'errors', what).map((error) => ({
      path: textField(error, 'path', what),
      error: textField(error, 'error', what),
    })),
  };
}

/** A Go integer literal: leading `0` octal, `0x` hexadecimal, else decimal; 32 bits. Empty: 0. */
function parseMode(literal: string, what: string): number {
  if (literal === '') return 0;
  const mode = /^0[0-7]+$/.test(literal) ? Number.parseInt(literal, 8) : Number(literal);
  if (!/^(?:0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(literal) || mode > UINT32_MAX) {
    throw wrongType('mode', 'an integer literal of 32 bits', what);
  }
  return mode;
}

function ownerField(object: unknown, name: string, what: string): number {
  const id = countField(object, name, what);
  if (id > UINT32_MAX) throw wrongType(name, 'an ID of 32 bits', what);
  return id;
}

function parseStoredObjectID(text: string, what: string): ObjectID | undefined {
  if (text === '') return undefined;
  try {
    return parseObjectID(text);
  } catch (cause) {
    throw new CorruptDataError(`${what}: obj is not an object ID`, { field: 'obj', cause });
  }
}
