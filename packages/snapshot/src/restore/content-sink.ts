import type { FilePlace } from '@longshore/repo';
import type { DirEntry } from '../dir-manifest.ts';
import type { DirectoryNode } from './directory-node.ts';
import type { OutputFile } from './restore-output.ts';
import type { RestoreRun } from './restore-run.ts';

/** What takes the chunks of one object, in any order; each is received or missed exactly once. */
export interface ContentSink {
  readonly path: string;
  /** It has failed: what is still to come would be fetched in vain. */
  readonly isLost: boolean;
  /** `data` is borrowed until the promise settles. */
  receive(start: number, data: Uint8Array): Promise<void>;
  /**
   * Where the bytes may be written without {@link receive}; undefined: nowhere. An answer is followed by
   * {@link written}, unless the bytes cannot be had: then by anything else.
   */
  placeAt?(start: number, length: number): Promise<FilePlace | undefined>;
  /** So many bytes were written to a place, or could not be for that reason. */
  written?(length: number, failure: unknown): Promise<void>;
  /** A chunk cannot be had. Throws if that is to end the restore. */
  miss(error: unknown): Promise<void>;
  /** So many chunks of a lost object will not be fetched. */
  forgo(chunkCount: number): Promise<void>;
}

export interface ContentSinkOptions {
  readonly entry: DirEntry;
  /** Where it goes; held until the sink is done. */
  readonly directory: DirectoryNode;
  readonly name: string;
  /** A placeholder may stand for the entry. */
  readonly replacesPlaceholder: boolean;
}

export interface FileContent {
  /** Bytes. */
  readonly size: number;
  readonly chunkCount: number;
}

/** Opens its file when the first chunk arrives and finishes it with the last one. */
export class FileSink implements ContentSink {
  readonly #run: RestoreRun;
  readonly #options: ContentSinkOptions;
  readonly #size: number;
  #file: Promise<OutputFile | undefined> | undefined;
  #outstanding: number;
  #failed = false;

  constructor(run: RestoreRun, options: ContentSinkOptions, { size, chunkCount }: FileContent) {
    this.#run = run;
    this.#options = options;
    this.#size = size;
    this.#outstanding = chunkCount;
  }

  get path(): string {
    return this.#options.directory.pathOf(this.#options.name);
  }

  async receive(start: number, data: Uint8Array): Promise<void> {
    if (!this.#failed) {
      try {
        this.#file ??= this.#open();
        const file = await this.#file;
        if (file !== undefined) {
          this.#run.signal.throwIfAborted();
          await file.writeAt(start, data);
          this.#run.emit({ type: 'bytes-written', bytes: data.length });
        }
      } catch (error) {
        this.#fail(error);
      }
    }
    await this.#settle();
  }

  async placeAt(start: number, length: number): Promise<FilePlace | undefined> {
    if (this.#failed || (this.#file === undefined && this.#run.hasMostFilesOpen)) return undefined;
    try {
      this.#file ??= this.#open();
      const file = await this.#file;
      return file?.placeAt?.(start, length);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async written(length: number, failure: unknown): Promise<void> {
    try {
      const file = await this.#file;
      file?.written?.(length, failure);
      if (!this.#failed) this.#run.emit({ type: 'bytes-written', bytes: length });
    } catch (error) {
      this.#fail(error);
    }
    await this.#settle();
  }

  async miss(error: unknown): Promise<void> {
    this.#fail(error);
    await this.#settle();
  }

  get isLost(): boolean {
    return this.#failed;
  }

  async forgo(chunkCount: number): Promise<void> {
    this.#outstanding -= chunkCount - 1;
    await this.#settle();
  }

  async #open(): Promise<OutputFile | undefined> {
    const { directory, entry, name } = this.#options;
    const { mode, mtime, uid, gid } = entry;
    const size = this.#size;
    const file = await directory.output.createFile(name, { mode, mtime, uid, gid, size });
    if (file !== undefined) this.#run.opened(file);
    return file;
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#run.fail(this.path, this.#options.entry, error);
  }

  async #settle(): Promise<void> {
    this.#outstanding -= 1;
    if (this.#outstanding > 0) return;
    this.#run.signal.throwIfAborted();
    try {
      await this.#close();
    } catch (error) {
      this.#fail(error);
    }
    await this.#options.directory.release();
  }

  async #close(): Promise<void> {
    const { directory, name, replacesPlaceholder } = this.#options;
    const size = this.#size;
    // An error while it was opened has been reported.
    const file = await this.#file?.catch(() => undefined);
    if (file === undefined) {
      if (!this.#failed)
        this.#run.emit({ type: 'entry-skipped', path: this.path, size, reason: 'existing' });
      return;
    }
    this.#run.closed(file);
    if (this.#failed) {
      await file.abandon();
      return;
    }
    await file.finish();
    if (replacesPlaceholder) await directory.removePlaceholder(name);
    this.#run.emit({ type: 'file-restored', path: this.path, size });
  }
}

/** Creates its symlink when the target arrives. */
export class SymlinkSink implements ContentSink {
  /** It is over with its only chunk. */
  readonly isLost = false;
  readonly #run: RestoreRun;
  readonly #options: ContentSinkOptions;

  constructor(run: RestoreRun, options: ContentSinkOptions) {
    this.#run = run;
    this.#options = options;
  }

  get path(): string {
    return this.#options.directory.pathOf(this.#options.name);
  }

  async receive(_start: number, target: Uint8Array): Promise<void> {
    const { directory, entry, name } = this.#options;
    const { path } = this;
    try {
      const created = await directory.output.createSymlink(name, target, entry);
      this.#run.emit(
        created
          ? { type: 'symlink-restored', path }
          : { type: 'entry-skipped', path, size: 0, reason: 'existing' },
      );
    } catch (error) {
      this.#run.fail(path, entry, error);
    }
    await directory.release();
  }

  async miss(error: unknown): Promise<void> {
    this.#run.fail(this.path, this.#options.entry, error);
    await this.#options.directory.release();
  }

  async forgo(): Promise<void> {
    await this.#options.directory.release();
  }
}
