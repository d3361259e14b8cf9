import type { EpochNanoseconds, FilePlace } from '@longshore/repo';

/** What a restored entry gets besides its content. A stored `DirEntry` is one. */
export interface OutputAttributes {
  /** Go's portable mode bits, as stored. */
  readonly mode: number;
  readonly mtime: EpochNanoseconds;
  readonly uid: number;
  readonly gid: number;
}

export interface OutputFileAttributes extends OutputAttributes {
  /** Length of the content in bytes: exactly so many must be written. */
  readonly size: number;
}

/** What stands at a name of the target: the letters of entry types, or something no snapshot holds. */
export type OutputKind = 'f' | 'd' | 's' | 'other';

type Awaitable<T> = T | Promise<T>;

/**
 * Where a restore writes to. Directories are made from the root down, each before what it holds, and finished once all
 * below them is finished. Every name is checked (TARGET_UNSAFE), and nothing outside the target is ever touched.
 */
export interface RestoreOutput extends AsyncDisposable {
  readonly capabilities: {
    /** Times are kept to the nanosecond; otherwise to about a microsecond, worth one line in the summary. */
    readonly exactTimes: boolean;
    /** Several files may be open at once, and the parts of a file may arrive in any order. */
    readonly parallel: boolean;
  };
  readonly root: OutputDirectory;
}

export interface OutputDirectory {
  /** Made by this restore: nothing can be in the way inside it. */
  readonly created: boolean;
  /** The attributes are those that `finish` will set: for an output that cannot come back to a directory. */
  createDirectory(name: string, attributes?: OutputAttributes): Awaitable<OutputDirectory>;
  /** True: `createFile` would leave alone what is there, so that its content need not be fetched at all. */
  hasFile(name: string, attributes: OutputFileAttributes): Awaitable<boolean>;
  /** Undefined: the file that is there already counts as this one and is left alone. */
  createFile(name: string, attributes: OutputFileAttributes): Awaitable<OutputFile | undefined>;
  /** `target` is stored as it is and never followed. False: a symlink is there already and is left alone. */
  createSymlink(name: string, target: Uint8Array, attributes: OutputAttributes): Awaitable<boolean>;
  /** What is there now, not following symlinks. */
  kindOf(name: string): Awaitable<OutputKind | undefined>;
  /** Removes whatever is there, with everything below it. False: nothing was. */
  remove(name: string): Awaitable<boolean>;
  /**
   * Removes each entry that `kept` lacks, or names with the other kind of directory or not; returns how many.
   * To be called before anything is created in this directory.
   */
  deleteExtra(kept: ReadonlyMap<string, OutputKind>): Awaitable<number>;
  /** Everything below is finished: sets the directory's own attributes. Nothing may be created in it afterwards. */
  finish(attributes: OutputAttributes): Awaitable<void>;
}

/** A file being written, until `finish` or `abandon` is called. */
export interface OutputFile {
  /** `data` is borrowed until the call is over. Each byte must be written once, in any order. */
  writeAt(position: number, data: Uint8Array): Awaitable<void>;
  /**
   * For writers on other threads, instead of `writeAt`: where bytes go that are then told of with `written`. Valid
   * until `finish` or `abandon` is called. Absent: there is only `writeAt`.
   */
  placeAt?(position: number, length: number): FilePlace;
  /** Throws what `writeAt` would have thrown if `cause` says why the bytes were not written. */
  written?(length: number, cause: unknown): void;
  /** Sets the attributes and makes the file what stands at its name. CORRUPT_DATA if bytes are missing. */
  finish(): Awaitable<void>;
  /** Leaves no partial file behind. Does nothing after `finish`, whether that succeeded or not. */
  abandon(): Awaitable<void>;
}
