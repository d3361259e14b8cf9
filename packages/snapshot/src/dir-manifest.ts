import {
  compareBytes,
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

/** Why a directory or snapshot does not hold everything. */
export type IncompleteReason = 'checkpoint' | 'canceled' | 'limit reached';

export interface EntryError {
  /** Relative to the snapshot root, with `/`. */
  readonly path: string;
  readonly error: string;
}

/** Totals over everything below a directory. Source: docs/format/dir-manifest.md. */
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

/** Directories first, then everything else; inside each group by the bytes of the name. */
export function compareDirEntries(a: DirEntry, b: DirEntry): number {
  if ((a.type === 'd') !== (b.type === 'd')) return a.type === 'd' ? -1 : 1;
  if (a.rawName === undefined && b.rawName === undefined) {
    const ascii = compareAscii(a.name, b.name);
    if (ascii !== undefined) return ascii;
  }
  return compareBytes(a.rawName ?? encodeUtf8(a.name), b.rawName ?? encodeUtf8(b.name));
}

/** UTF-16 order is byte order as long as no surrogate takes part. */
function compareAscii(a: string, b: string): number | undefined {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return left < 0xd800 && right < 0xd800 ? left - right : undefined;
  }
  return a.length - b.length;
}

/** The exact stream that Kopia writes for the same directory, final newline included. `entries` must be sorted. */
export function encodeDirManifest(manifest: DirManifest): Uint8Array {
  const entries =
    manifest.entries.length === 0 ? 'null' : `[${manifest.entries.map(encodeDirEntry).join(',')}]`;
  return encodeUtf8(
    `{"stream":"${STREAM}","entries":${entries},"summary":${encodeDirSummary(manifest.summary)}}\n`,
  );
}

/** The compact JSON of one entry, without a newline. */
export function encodeDirEntry(entry: DirEntry): string {
  let json = `{"name":${encodeGoString(entry.rawName ?? entry.name)},"type":${encodeGoString(entry.type)}`;
  if (entry.mode !== 0) json += `,"mode":"0${entry.mode.toString(8)}"`;
  if (entry.size !== 0) json += `,"size":${entry.size}`;
  if (entry.mtime !== 0n) json += `,"mtime":"${formatGoTime(entry.mtime)}"`;
  if (entry.uid !== 0) json += `,"uid":${entry.uid}`;
  if (entry.gid !== 0) json += `,"gid":${entry.gid}`;
  json += `,"obj":"${entry.objectID ?? ''}"`;
  if (entry.summary !== undefined) json += `,"summ":${encodeDirSummary(entry.summary)}`;
  return `${json}}`;
}

function encodeDirSummary(summary: DirSummary): string {
  let json =
    `{"size":${summary.size},"files":${summary.files},"symlinks":${summary.symlinks},` +
    `"dirs":${summary.dirs},"maxTime":"${formatGoTime(summary.maxTime)}"`;
  if (summary.incomplete !== undefined) json += `,"incomplete":"${summary.incomplete}"`;
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

/** Anything but a directory stream with well-formed entries is CORRUPT_DATA naming `what` and the field. */
export function parseDirManifest(bytes: Uint8Array, what: string): DirManifest {
  const root = parseGoJSON(bytes, what);
  const stream = field(root, 'stream');
  if (stream !== STREAM) {
    throw new CorruptDataError(`${what}: not a directory: stream is ${JSON.stringify(stream)}`);
  }
  const entries = field(root, 'entries') ?? [];
  if (!Array.isArray(entries)) throw new CorruptDataError(`${what}: entries is not a list`);
  return {
    entries: entries.map((entry: unknown) => parseDirEntry(entry, what)),
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
  const objectID = text(field(value, 'obj'), 'obj', what);
  const mtime = field(value, 'mtime');
  const summary = parseDirSummary(field(value, 'summ'), what);
  return {
    name: text(field(value, 'name'), 'name', what),
    type: text(field(value, 'type'), 'type', what),
    mode: parseMode(field(value, 'mode'), what),
    size: count(field(value, 'size'), 'size', what),
    mtime: mtime === undefined ? 0n : parseGoTime(text(mtime, 'mtime', what), `${what}: mtime`),
    uid: count(field(value, 'uid'), 'uid', what),
    gid: count(field(value, 'gid'), 'gid', what),
    objectID: objectID === '' ? undefined : storedObjectID(objectID, what),
    ...(summary === undefined ? {} : { summary }),
  };
}

function parseDirSummary(value: unknown, what: string): DirSummary | undefined {
  if (value === undefined || value === null) return undefined;
  const incomplete = text(field(value, 'incomplete'), 'incomplete', what);
  const errors = field(value, 'errors') ?? [];
  if (!Array.isArray(errors)) throw new CorruptDataError(`${what}: errors is not a list`);
  const maxTime = field(value, 'maxTime');
  return {
    size: count(field(value, 'size'), 'size', what),
    files: count(field(value, 'files'), 'files', what),
    symlinks: count(field(value, 'symlinks'), 'symlinks', what),
    dirs: count(field(value, 'dirs'), 'dirs', what),
    maxTime:
      maxTime === undefined ? 0n : parseGoTime(text(maxTime, 'maxTime', what), `${what}: maxTime`),
    ...(incomplete === '' ? {} : { incomplete: incomplete as IncompleteReason }),
    numFailed: count(field(value, 'numFailed'), 'numFailed', what),
    numIgnoredErrors: count(field(value, 'numIgnoredErrors'), 'numIgnoredErrors', what),
    errors: errors.map((error: unknown) => ({
      path: text(field(error, 'path'), 'path', what),
      error: text(field(error, 'error'), 'error', what),
    })),
  };
}

/** A Go integer literal in a string: leading `0` octal, `0x` hexadecimal, else decimal; 32 bits. */
function parseMode(value: unknown, what: string): number {
  if (value === undefined) return 0;
  const literal = text(value, 'mode', what);
  const mode = /^0[0-7]*$/.test(literal) ? Number.parseInt(literal, 8) : Number(literal);
  if (literal === '' || !Number.isInteger(mode) || mode < 0 || mode > 0xffff_ffff) {
    throw new CorruptDataError(`${what}: mode ${JSON.stringify(literal)}`, { field: 'mode' });
  }
  return mode;
}

function storedObjectID(value: string, what: string): ObjectID {
  try {
    return parseObjectID(value);
  } catch (cause) {
    throw new CorruptDataError(`${what}: obj ${JSON.stringify(value)}`, { field: 'obj', cause });
  }
}

function text(value: unknown, name: string, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') {
    throw new CorruptDataError(`${what}: ${name} is not a string`, { field: name });
  }
  return value;
}

function count(value: unknown, name: string, what: string): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new CorruptDataError(`${what}: ${name} is not a count`, { field: name });
  }
  return value;
}

/**
 * Collects the entries of one directory in any order and closes them into the manifest that Kopia would
 * write. Copies share nothing: a checkpoint clones the builder and goes on.
 */
export class DirManifestBuilder {
  readonly #entries: DirEntry[];
  readonly #errors: EntryError[];
  #totals: Omit<DirSummary, 'errors' | 'incomplete'>;

  constructor(from?: DirManifestBuilder) {
    this.#entries = from === undefined ? [] : [...from.#entries];
    this.#errors = from === undefined ? [] : [...from.#errors];
    this.#totals = from === undefined ? { ...EMPTY_SUMMARY } : from.#totals;
  }

  clone(): DirManifestBuilder {
    return new DirManifestBuilder(this);
  }

  add(entry: DirEntry): void {
    this.#entries.push(entry);
    const totals = { ...this.#totals };
    totals.maxTime = laterTime(totals.maxTime, entry.mtime);
    if (entry.type === 'f') {
      totals.files += 1;
      totals.size += entry.size;
    } else if (entry.type === 's') {
      totals.symlinks += 1;
    } else if (entry.type === 'd' && entry.summary !== undefined) {
      const below = entry.summary;
      totals.files += below.files;
      totals.size += below.size;
      totals.dirs += below.dirs;
      totals.symlinks += below.symlinks;
      totals.numFailed += below.numFailed;
      totals.numIgnoredErrors += below.numIgnoredErrors;
      totals.maxTime = laterTime(totals.maxTime, below.maxTime);
      this.#errors.push(...below.errors);
    }
    this.#totals = totals;
  }

  /** `ignored`: the error handling policy lets the snapshot count as good. */
  addError(error: EntryError, ignored: boolean): void {
    this.#errors.push(error);
    const { numFailed, numIgnoredErrors } = this.#totals;
    this.#totals = ignored
      ? { ...this.#totals, numIgnoredErrors: numIgnoredErrors + 1 }
      : { ...this.#totals, numFailed: numFailed + 1 };
  }

  /** `mtime` is the directory's own: it counts only when there are no entries. */
  build(mtime: EpochNanoseconds, incomplete?: IncompleteReason): DirManifest {
    const entries = this.#entries.toSorted(compareDirEntries);
    return {
      entries,
      summary: {
        ...this.#totals,
        dirs: this.#totals.dirs + 1,
        maxTime: entries.length === 0 ? mtime : this.#totals.maxTime,
        ...(incomplete === undefined ? {} : { incomplete }),
        errors: this.#errors.toSorted((a, b) => compareBytes(encodeUtf8(a.path), encodeUtf8(b.path))),
      },
    };
  }
}

function laterTime(a: EpochNanoseconds, b: EpochNanoseconds): EpochNanoseconds {
  return a > b ? a : b;
}
