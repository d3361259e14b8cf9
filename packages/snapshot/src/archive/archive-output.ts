import { CorruptDataError, invariant, LongshoreError } from '@longshore/repo';
import { checkEntryName } from '../restore/entry-name.ts';
import type {
  OutputAttributes,
  OutputDirectory,
  OutputFile,
  OutputFileAttributes,
  OutputKind,
  RestoreOutput,
} from '../restore/restore-output.ts';
import type { ArchiveSink } from './archive-sink.ts';
import type { ArchivedFile, ArchiveWriter } from './archive-writer.ts';

/**
 * Restores into an archive: one file after another, each from its start. The root is no member of it. Only `finish`
 * makes the archive; disposing before that leaves none.
 */
export class ArchiveOutput implements RestoreOutput {
  readonly capabilities = { exactTimes: false, parallel: false } as const;
  readonly root: OutputDirectory;
  readonly #writer: ArchiveWriter;
  readonly #sink: ArchiveSink;

  constructor(writer: ArchiveWriter, sink: ArchiveSink) {
    this.#writer = writer;
    this.#sink = sink;
    this.root = new ArchiveDirectory(writer, '');
  }

  /** To be called when the restore is done. */
  async finish(): Promise<void> {
    await this.#writer.end();
    await this.#sink.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink.abandon();
  }
}

/** Of directories that no snapshot recorded. */
const PLAIN_DIRECTORY: OutputAttributes = { mode: 0o755, mtime: 0n, uid: 0, gid: 0 };

class ArchiveDirectory implements OutputDirectory {
  readonly created = true;
  readonly #writer: ArchiveWriter;
  readonly #path: string;

  constructor(writer: ArchiveWriter, path: string) {
    this.#writer = writer;
    this.#path = path;
  }

  async createDirectory(
    name: string,
    attributes: OutputAttributes = PLAIN_DIRECTORY,
  ): Promise<OutputDirectory> {
    const path = this.#pathOf(name);
    await this.#writer.directory(path, attributes);
    return new ArchiveDirectory(this.#writer, path);
  }

  hasFile(): boolean {
    return false;
  }

  async createFile(name: string, attributes: OutputFileAttributes): Promise<OutputFile> {
    const path = this.#pathOf(name);
    return new ArchiveFile(path, attributes.size, await this.#writer.file(path, attributes));
  }

  async createSymlink(
    name: string,
    target: Uint8Array,
    attributes: OutputAttributes,
  ): Promise<boolean> {
    const path = this.#pathOf(name);
    if (target.length === 0 || target.includes(0)) {
      throw new LongshoreError('TARGET_UNSAFE', `${path}: not the target of a symlink`, { path });
    }
    await this.#writer.symlink(path, target, attributes);
    return true;
  }

  /** Members are never looked up: what is there was put there by this restore. */
  kindOf(): OutputKind | undefined {
    return undefined;
  }

  remove(): boolean {
    return false;
  }

  deleteExtra(): number {
    return 0;
  }

  finish(): void {
    // The member was written when the directory was made.
  }

  #pathOf(name: string): string {
    checkEntryName(name, this.#path);
    return this.#path === '' ? name : `${this.#path}/${name}`;
  }
}

class ArchiveFile implements OutputFile {
  readonly #path: string;
  readonly #size: number;
  readonly #file: ArchivedFile;
  #written = 0;
  #isSettled = false;

  constructor(path: string, size: number, file: ArchivedFile) {
    this.#path = path;
    this.#size = size;
    this.#file = file;
  }

  async writeAt(position: number, data: Uint8Array): Promise<void> {
    invariant(position === this.#written, 'an archive is written in order');
    if (position + data.length > this.#size) {
      throw new CorruptDataError(`${this.#path}: more than ${this.#size} bytes`, {
        path: this.#path,
      });
    }
    await this.#file.write(data);
    this.#written += data.length;
  }

  async finish(): Promise<void> {
    if (this.#written !== this.#size) {
      throw new CorruptDataError(`${this.#path}: ${this.#written} bytes instead of ${this.#size}`, {
        path: this.#path,
      });
    }
    this.#isSettled = true;
    await this.#file.end();
  }

  async abandon(): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    await this.#file.drop();
  }
}
