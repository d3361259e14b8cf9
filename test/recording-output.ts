import { createHash } from 'node:crypto';
import { CorruptDataError } from '@longshore/repo';
import type {
  OutputAttributes,
  OutputDirectory,
  OutputFile,
  OutputFileAttributes,
  RestoreOutput,
} from '@longshore/snapshot';

/** What a restore left at one path; times and sizes as they were given. */
export type RecordedEntry = string;

/** A restore target that keeps one line for each finished entry: kind, attributes, and a hash of the bytes. */
export class RecordingOutput implements RestoreOutput {
  readonly capabilities: RestoreOutput['capabilities'] = { exactTimes: true, parallel: true };
  readonly entries: Map<string, RecordedEntry> = new Map();
  readonly root: OutputDirectory = new RecordingDirectory(this.entries, '.');

  async [Symbol.asyncDispose](): Promise<void> {}
}

function describe(kind: string, attributes: OutputAttributes, rest: string): RecordedEntry {
  const { mode, mtime, uid, gid } = attributes;
  return `${kind} ${mode.toString(8)} ${mtime} ${uid} ${gid} ${rest}`;
}

class RecordingDirectory implements OutputDirectory {
  readonly created = true;
  readonly #entries: Map<string, RecordedEntry>;
  readonly #path: string;

  constructor(entries: Map<string, RecordedEntry>, path: string) {
    this.#entries = entries;
    this.#path = path;
  }

  createDirectory(name: string): OutputDirectory {
    return new RecordingDirectory(this.#entries, `${this.#path}/${name}`);
  }

  hasFile(): boolean {
    return false;
  }

  createFile(name: string, attributes: OutputFileAttributes): OutputFile {
    return new RecordingFile(attributes, (line) =>
      this.#entries.set(`${this.#path}/${name}`, line),
    );
  }

  createSymlink(name: string, target: Uint8Array, attributes: OutputAttributes): boolean {
    this.#entries.set(
      `${this.#path}/${name}`,
      describe('s', attributes, Buffer.from(target).toString('hex')),
    );
    return true;
  }

  kindOf(): undefined {
    return undefined;
  }

  remove(): boolean {
    return false;
  }

  deleteExtra(): number {
    return 0;
  }

  finish(attributes: OutputAttributes): void {
    this.#entries.set(this.#path, describe('d', attributes, ''));
  }
}

class RecordingFile implements OutputFile {
  readonly #attributes: OutputFileAttributes;
  readonly #save: (line: RecordedEntry) => void;
  readonly #data: Uint8Array;
  #written = 0;

  constructor(attributes: OutputFileAttributes, save: (line: RecordedEntry) => void) {
    this.#attributes = attributes;
    this.#save = save;
    this.#data = new Uint8Array(attributes.size);
  }

  writeAt(position: number, data: Uint8Array): void {
    if (position + data.length > this.#data.length) {
      throw new CorruptDataError('bytes behind the end of the file');
    }
    this.#data.set(data, position);
    this.#written += data.length;
  }

  finish(): void {
    if (this.#written !== this.#data.length) throw new CorruptDataError('bytes are missing');
    const hash = createHash('sha256').update(this.#data).digest('hex');
    this.#save(describe('f', this.#attributes, `${this.#data.length} ${hash}`));
  }

  abandon(): void {}
}
