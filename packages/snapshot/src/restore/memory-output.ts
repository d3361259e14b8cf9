import { CorruptDataError, LongshoreError } from '@longshore/repo';
import { checkEntryName } from './entry-name.ts';
import type {
  OutputAttributes,
  OutputDirectory,
  OutputFile,
  OutputFileAttributes,
  OutputKind,
  RestoreOutput,
} from './restore-output.ts';

/** What a {@link MemoryOutput} holds at one path. */
export interface MemoryEntry {
  readonly kind: OutputKind;
  data: Uint8Array;
  /** Undefined: not finished. */
  attributes: OutputAttributes | undefined;
}

export interface MemoryOutputOptions {
  /** Default true. */
  readonly parallel?: boolean;
  /** Every call waits for this first. */
  readonly pause?: () => Promise<void>;
  /** Throws what the call is to fail with. */
  readonly onCall?: (call: string, path: string) => void;
  /** Files of these paths count as being there. */
  readonly existing?: ReadonlySet<string>;
}

/** For tests: keeps what is restored in memory, takes down every call, and is as asynchronous as a network. */
export class MemoryOutput implements RestoreOutput {
  readonly capabilities: RestoreOutput['capabilities'];
  readonly root: OutputDirectory;
  readonly entries: Map<string, MemoryEntry> = new Map();
  readonly calls: string[] = [];
  openFiles = 0;
  maxOpenFiles = 0;
  readonly options: MemoryOutputOptions;

  constructor(options: MemoryOutputOptions = {}) {
    this.options = options;
    this.capabilities = { exactTimes: true, parallel: options.parallel ?? true };
    this.root = new MemoryDirectory(this, '');
    this.entries.set('', { kind: 'd', data: new Uint8Array(), attributes: undefined });
  }

  async called(call: string, path: string): Promise<void> {
    this.calls.push(`${call} ${path}`);
    this.options.onCall?.(call, path);
    await this.options.pause?.();
  }

  /** Paths of everything that is complete. */
  get finished(): readonly string[] {
    return [...this.entries]
      .filter(([, { attributes }]) => attributes !== undefined)
      .map(([path]) => path)
      .toSorted((a, b) => (a < b ? -1 : 1));
  }

  text(path: string): string | undefined {
    const entry = this.entries.get(path);
    return entry === undefined ? undefined : new TextDecoder().decode(entry.data);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class MemoryDirectory implements OutputDirectory {
  readonly created = false;
  readonly #output: MemoryOutput;
  readonly #path: string;

  constructor(output: MemoryOutput, path: string) {
    this.#output = output;
    this.#path = path;
  }

  async createDirectory(name: string): Promise<OutputDirectory> {
    const path = this.#pathOf(name);
    await this.#output.called('directory', path);
    const present = this.#output.entries.get(path);
    if (present !== undefined && present.kind !== 'd') {
      throw new LongshoreError('TARGET_UNSAFE', `${path} is no directory`, { path });
    }
    this.#output.entries.set(path, { kind: 'd', data: new Uint8Array(), attributes: undefined });
    return new MemoryDirectory(this.#output, path);
  }

  async hasFile(name: string): Promise<boolean> {
    return this.#output.options.existing?.has(this.#pathOf(name)) === true;
  }

  async createFile(
    name: string,
    attributes: OutputFileAttributes,
  ): Promise<OutputFile | undefined> {
    const path = this.#pathOf(name);
    await this.#output.called('file', path);
    return new MemoryFile(this.#output, path, attributes);
  }

  async createSymlink(
    name: string,
    target: Uint8Array,
    attributes: OutputAttributes,
  ): Promise<boolean> {
    const path = this.#pathOf(name);
    await this.#output.called('symlink', path);
    this.#output.entries.set(path, { kind: 's', data: target.slice(), attributes });
    return true;
  }

  async kindOf(name: string): Promise<OutputKind | undefined> {
    return this.#output.entries.get(this.#pathOf(name))?.kind;
  }

  async remove(name: string): Promise<boolean> {
    const path = this.#pathOf(name);
    return this.#output.entries.delete(path);
  }

  async deleteExtra(kept: ReadonlyMap<string, OutputKind>): Promise<number> {
    await this.#output.called('delete extra', `${this.#path}: ${[...kept.keys()].join(' ')}`);
    return 0;
  }

  async finish(attributes: OutputAttributes): Promise<void> {
    await this.#output.called('finish', this.#path);
    this.#output.entries.get(this.#path)!.attributes = attributes;
  }

  #pathOf(name: string): string {
    checkEntryName(name, this.#path);
    return this.#path === '' ? name : `${this.#path}/${name}`;
  }
}

class MemoryFile implements OutputFile {
  readonly #output: MemoryOutput;
  readonly #path: string;
  readonly #attributes: OutputFileAttributes;
  readonly #data: Uint8Array;
  #written = 0;
  #settled = false;

  constructor(output: MemoryOutput, path: string, attributes: OutputFileAttributes) {
    this.#output = output;
    this.#path = path;
    this.#attributes = attributes;
    this.#data = new Uint8Array(attributes.size);
    output.openFiles += 1;
    output.maxOpenFiles = Math.max(output.maxOpenFiles, output.openFiles);
  }

  async writeAt(position: number, data: Uint8Array): Promise<void> {
    await this.#output.called('write', `${this.#path} ${position}`);
    if (this.#settled) throw new Error(`${this.#path} is closed`);
    this.#data.set(data, position);
    this.#written += data.length;
  }

  async finish(): Promise<void> {
    this.#settle();
    await this.#output.called('close', this.#path);
    if (this.#written !== this.#data.length) throw new CorruptDataError(`${this.#path} has gaps`);
    const { size: _, ...attributes } = this.#attributes;
    this.#output.entries.set(this.#path, { kind: 'f', data: this.#data, attributes });
  }

  async abandon(): Promise<void> {
    if (this.#settled) return;
    this.#settle();
    await this.#output.called('abandon', this.#path);
  }

  #settle(): void {
    if (this.#settled) throw new Error(`${this.#path} is settled twice`);
    this.#settled = true;
    this.#output.openFiles -= 1;
  }
}
