import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Repository } from '@longshore/repo';
import { checkEntryName, type Difference, type DirEntry } from '@longshore/snapshot';
import { makeFolders } from '../config/make-folders.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';

const NOTHING = '/dev/null';

/** Shows the differences of files with a program, on copies in a temporary folder that goes with this object. */
export class FileComparison implements AsyncDisposable {
  readonly #context: CommandContext;
  readonly #repository: Repository;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #folder: string;

  private constructor(
    context: CommandContext,
    repository: Repository,
    [program, ...args]: readonly [string, ...string[]],
    folder: string,
  ) {
    this.#context = context;
    this.#repository = repository;
    this.#program = program;
    this.#args = args;
    this.#folder = folder;
  }

  /** `command` is a program and its flags, separated by spaces. */
  static async start(
    context: CommandContext,
    repository: Repository,
    command: string,
  ): Promise<FileComparison> {
    const [program, ...args] = command.split(' ').filter((word) => word !== '');
    if (program === undefined) throw new UsageError('--diff-command names no program');
    const folder = await mkdtemp(join(tmpdir(), 'longshore-diff-'));
    return new FileComparison(context, repository, [program, ...args], folder);
  }

  /** Does nothing unless a file was added, removed or changed. */
  async compare(difference: Difference): Promise<void> {
    const { before, after } = filesOf(difference);
    if (before === undefined && after === undefined) return;
    const path = difference.path.replace(/^\.\//, '');
    const names = [await this.#copy('old', path, before), await this.#copy('new', path, after)];
    await this.#run(names);
    for (const name of names) {
      if (name !== NOTHING) await rm(join(this.#folder, name), { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Relative to the folder. */
  async #copy(side: string, path: string, entry: DirEntry | undefined): Promise<string> {
    if (entry?.objectID === undefined) return NOTHING;
    // Names come out of the repository: none may lead out of the folder.
    for (const name of path.split('/')) checkEntryName(name, path);
    const { signal } = this.#context;
    const target = join(this.#folder, side, path);
    makeFolders(dirname(target));
    await using reader = await this.#repository.openObject(entry.objectID, { signal });
    await pipeline(
      Readable.from(reader.stream({ signal })),
      createWriteStream(target, { mode: 0o600 }),
    );
    return join(side, path);
  }

  /** Its exit code says whether files differ, and they do. */
  async #run(names: readonly string[]): Promise<void> {
    const { signal, log } = this.#context;
    const child = spawn(this.#program, [...this.#args, ...names], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    const ended = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        log.error(`${this.#program}: ${error.message}`);
        resolve();
      });
      child.on('close', () => resolve());
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Uint8Array) => this.#context.print(data));
    }
    await ended;
    signal.throwIfAborted();
  }
}

function filesOf(difference: Difference): {
  readonly before?: DirEntry | undefined;
  readonly after?: DirEntry | undefined;
} {
  if (difference.type === 'modified') {
    const { before, after, contentChanged } = difference;
    const areFiles = before.type === 'f' && after.type === 'f';
    return contentChanged && areFiles ? { before, after } : {};
  }
  const { entry, type } = difference;
  if (entry.type !== 'f') return {};
  return type === 'added' ? { after: entry } : { before: entry };
}
