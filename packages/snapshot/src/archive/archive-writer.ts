import type { OutputAttributes, OutputFileAttributes } from '../restore/restore-output.ts';

/** One member after another, each with its path from the root, with `/`. */
export interface ArchiveWriter {
  directory(path: string, attributes: OutputAttributes): Promise<void>;
  symlink(path: string, target: Uint8Array, attributes: OutputAttributes): Promise<void>;
  /** Begins a file; nothing else may be added until it ends. */
  file(path: string, attributes: OutputFileAttributes): Promise<ArchivedFile>;
  /** The end of the archive. */
  end(): Promise<void>;
}

export interface ArchivedFile {
  /** The next bytes, borrowed until the promise settles. */
  write(data: Uint8Array): Promise<void>;
  /** All bytes are written. */
  end(): Promise<void>;
  /** The rest cannot be had: leaves the file out, or throws TARGET_UNWRITABLE where an archive cannot do that. */
  drop(): Promise<void>;
}
