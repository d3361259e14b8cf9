import { randomBytes } from 'node:crypto';
import { link, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import type { ArchiveSink } from '../archive/archive-sink.ts';
import { systemErrorCode, targetError } from './system-error.ts';

/** Bytes that are gathered before they are written. */
const BUFFER_LENGTH = 1024 * 1024;

export interface ArchiveFileOptions {
  /** False: a file that is there already is ALREADY_EXISTS. Default: true, as Kopia's. */
  readonly overwrite?: boolean;
}

/**
 * A file that gets its name when it is finished: nobody ever meets half an archive under it. What is no regular file, a
 * pipe or a terminal, is written to directly. NO_SPACE, ACCESS_DENIED or TARGET_UNWRITABLE if it cannot be written.
 */
export async function createArchiveFile(
  path: string,
  { overwrite = true }: ArchiveFileOptions = {},
): Promise<ArchiveSink> {
  try {
    const existing = await statOf(path);
    if (existing !== undefined && !existing.isFile()) {
      return new ArchiveFile(path, await open(path, 'w'), undefined);
    }
    const target = existing === undefined ? path : await realpath(path);
    const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
    const place = (): Promise<void> =>
      overwrite ? rename(temporary, target) : linkInstead(temporary, target);
    return new ArchiveFile(path, await open(temporary, 'wx', 0o600), { temporary, place });
  } catch (error) {
    throw targetError('create', path, error);
  }
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A link, unlike a rename, never replaces. */
async function linkInstead(temporary: string, target: string): Promise<void> {
  await link(temporary, target);
  await rm(temporary);
}

/** How a file gets its name in the end. */
interface Naming {
  readonly temporary: string;
  place(): Promise<void>;
}

class ArchiveFile implements ArchiveSink {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #naming: Naming | undefined;
  readonly #buffer: Uint8Array = new Uint8Array(BUFFER_LENGTH);
  #filled = 0;
  #isSettled = false;

  constructor(path: string, handle: FileHandle, naming: Naming | undefined) {
    this.#path = path;
    this.#handle = handle;
    this.#naming = naming;
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#filled + data.length > BUFFER_LENGTH) await this.#flush();
    if (data.length > BUFFER_LENGTH) {
      await this.#writeAll(data);
      return;
    }
    this.#buffer.set(data, this.#filled);
    this.#filled += data.length;
  }

  async finish(): Promise<void> {
    await this.#flush();
    try {
      if (this.#naming !== undefined) await this.#handle.sync();
      await this.#handle.close();
      await this.#naming?.place();
    } catch (error) {
      throw targetError('finish', this.#path, error);
    }
    this.#isSettled = true;
  }

  async abandon(): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    await this.#handle.close();
    if (this.#naming !== undefined) await rm(this.#naming.temporary, { force: true });
  }

  async #flush(): Promise<void> {
    const filled = this.#filled;
    this.#filled = 0;
    await this.#writeAll(this.#buffer.subarray(0, filled));
  }

  async #writeAll(data: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < data.length;) {
        const { bytesWritten } = await this.#handle.write(data, done, data.length - done);
        done += bytesWritten;
      }
    } catch (error) {
      throw targetError('write', this.#path, error);
    }
  }
}
