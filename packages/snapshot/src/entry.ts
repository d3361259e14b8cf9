import type { AbortOptions, ByteRange, EpochNanoseconds, ThreadCall } from '@longshore/repo';
import type { StoredListing } from './stored-listing.ts';

/** No single {@link FileReader.readInto} reads more than this, so that a caller which reads synchronously stays responsive. */
export const MAX_READ_BYTES: number = 1024 * 1024;

/** What a source says about an entry before anything of it is read. */
export interface EntryMetadata {
  /** Each byte that is not valid UTF-8 is shown as one U+FFFD; `rawName` then has the bytes. */
  readonly name: string;
  /** Present only if the name is not valid UTF-8. */
  readonly rawName: Uint8Array | undefined;
  /** Go's portable mode bits, as stored: see `goModeFromPosix`. */
  readonly mode: number;
  /** Bytes of a file, bytes of a symlink's target, 0 for everything else. */
  readonly size: number;
  readonly mtime: EpochNanoseconds;
  readonly uid: number;
  readonly gid: number;
  /** Compared with the parent's to stay on one file system; never stored. */
  readonly device: bigint;
  readonly inode: bigint;
}

/** A file held open. Reads are synchronous: the hot path runs in workers, where a promise per read only costs. */
export interface FileReader {
  /**
   * Reads up to {@link MAX_READ_BYTES} at `position`, by default after the last byte read so far. Returns the
   * number of bytes, 0 only at the end of the file (or for an empty target). SOURCE_UNREADABLE if it fails.
   */
  readInto(target: Uint8Array, position?: number): number;
  /**
   * The parts of the first `size` bytes that may hold something else than zeros, ascending and lazily.
   * Everything outside reads as zeros. A source that cannot tell names the whole file.
   */
  dataRegions(size: number): Iterable<ByteRange>;
  /** Idempotent. */
  close(): void;
}

export interface FileEntry extends EntryMetadata {
  readonly type: 'f';
  /** Where other threads of this process can read the same file; bytes only if it is not valid UTF-8. */
  readonly localPath?: string | Uint8Array;
  open(): FileReader;
  /**
   * The whole of a small file in one call: the number of bytes now at the start of `target`, or undefined if the
   * file does not end within `target`, whose contents are then undefined. SOURCE_UNREADABLE if it fails.
   */
  readWhole(target: Uint8Array): number | undefined;
  /**
   * Set by a source that has to wait for its bytes, such as another repository: content from `start`, `length` bytes
   * or all that is left. An upload then calls nothing else. SOURCE_UNREADABLE if it fails.
   */
  stream?(part: StreamedPart, options?: AbortOptions): AsyncIterable<Uint8Array>;
}

/** Bytes of a file; `length` undefined: to its end. */
export interface StreamedPart {
  readonly start: number;
  readonly length: number | undefined;
}

export interface DirectoryEntry extends EntryMetadata {
  readonly type: 'd';
  /**
   * Every entry, in no particular order. What vanished while it was listed is left out; what cannot be examined
   * is an {@link ErrorEntry}. SOURCE_UNREADABLE if the directory itself cannot be listed.
   */
  readChildren(options?: AbortOptions): Promise<readonly Entry[]>;
  /**
   * Compares the directory with a stored one in one go. Absent: the source cannot. SOURCE_UNREADABLE if the directory
   * itself cannot be listed.
   */
  compare?(stored: Uint8Array, options: CompareOptions): Promise<ComparedDirectory>;
}

export interface CompareOptions extends AbortOptions {
  /** A directory with an entry of one of these names is never {@link SameDirectory}. */
  readonly exceptions: readonly string[];
  /** Threads that may do the work; undefined: the calling one. */
  readonly call?: ThreadCall | undefined;
}

/** What {@link DirectoryEntry.compare} found; `stored` is lent to it meanwhile and comes back with the answer. */
export type ComparedDirectory =
  | { readonly same: SameDirectory; readonly children?: undefined; readonly stored?: undefined }
  /** As {@link DirectoryEntry.readChildren} gives them: something is different, or needs a closer look. */
  | { readonly same?: undefined; readonly children: readonly Entry[]; readonly stored: Uint8Array };

/**
 * Names, types and metadata of all files and symlinks are exactly those that are stored, no others are there, and there are
 * just the directories that are stored, whose insides are yet to be looked at.
 */
export interface SameDirectory {
  /** Of the stored directories; its bytes are those of all entries. */
  readonly listing: StoredListing;
  readonly directories: readonly DirectoryEntry[];
  /** Files and symlinks. */
  readonly fileCount: number;
  /** Bytes of all of them. */
  readonly totalSize: number;
  /** Binary keys of the first contents of their objects, one after the other, each of `keyLength` bytes. */
  readonly contentKeys: Uint8Array;
  readonly keyLength: number;
}

export interface SymlinkEntry extends EntryMetadata {
  readonly type: 's';
  /** The bytes of the target, unresolved. SOURCE_UNREADABLE if it fails. */
  readTarget(): Uint8Array;
  /**
   * What the link leads to in the end; needed for ignore files only. SOURCE_UNREADABLE if it leads nowhere.
   * Undefined: the source follows no links.
   */
  resolve(): Entry | undefined;
}

/** An entry that is there but cannot be examined. Its metadata beyond the name is zero. */
export interface ErrorEntry extends EntryMetadata {
  readonly type: 'e';
  /** Which policy flag decides whether the error counts: that of directories or that of files. */
  readonly expectedType: 'd' | 'f';
  readonly error: Error;
}

/** A FIFO, socket or device: Kopia has no letter for it and never stores it. */
export interface UnknownEntry extends EntryMetadata {
  readonly type: 'unknown';
  readonly kind: 'fifo' | 'socket' | 'block device' | 'character device' | 'other';
}

/** A node of the tree that is backed up, discriminated by Kopia's own type letters. */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry | ErrorEntry | UnknownEntry;

/** The name suffix by which a shallow restore marks what it left out. */
export const PLACEHOLDER_SUFFIX = '.kopia-entry';

/** True for the names of files and directories that may stand for an entry which was not restored. */
export function isPlaceholderName(name: string): boolean {
  return name.endsWith(PLACEHOLDER_SUFFIX);
}
