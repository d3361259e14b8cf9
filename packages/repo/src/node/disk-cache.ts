import {
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { access, open, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContentCache } from '../content/content-cache.ts';
import { errnoCode } from './filesystem-errors.ts';
import { makeDirectories } from './make-directories.ts';

export interface DiskCacheOptions {
  /** Made when needed. Several processes may share it if their key is the same. */
  readonly folder: string;
  /** Bytes of files. Each process may exceed it by a tenth before it notices what the others wrote. */
  readonly maxBytes: number;
  /** Authenticates entries: derived from the repository, so that nobody else can plant any. */
  readonly hmacKey: Uint8Array;
}

export interface DiskCache extends ContentCache {
  /** What lies in the folder now. */
  usage(): Promise<{ readonly entries: number; readonly bytes: number }>;
  /** Removes every entry. */
  clear(): Promise<void>;
}

/*
 * <folder>/<2 hex>/<62 hex>    name = HMAC-SHA256(key, "name" || cache key)
 * file = data || HMAC-SHA256(key, "data" || name || data)
 * The modification time is the time of last use, to within TOUCH_INTERVAL_MS.
 */
const MAC_BYTES = 32;
const TOUCH_INTERVAL_MS = 10 * 60_000;
const STALE_TEMPORARY_MS = 60 * 60_000;
/** A sweep goes down to this part of the limit, so that not every put starts one. */
const SWEEP_TARGET = 0.8;
/** After writing this part of the limit a process looks at the folder again. */
const RESCAN_PART = 0.1;

/**
 * A cache in files. Entries appear atomically, carry a MAC and are dropped if it does not match. Failures of
 * the disk make it forget, never fail.
 */
export function createDiskCache(options: DiskCacheOptions): DiskCache {
  return new FileCache(options);
}

interface CachedFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

class FileCache implements DiskCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #key: KeyObject;
  /** Bytes found by the last look at the folder; undefined before the first. */
  #scannedBytes: number | undefined;
  #writtenBytes = 0;
  #sweeping: Promise<void> | undefined;

  constructor({ folder, maxBytes, hmacKey }: DiskCacheOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#key = createSecretKey(hmacKey);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const name = this.#name(key);
    const path = this.#path(name);
    try {
      await using file = await open(path, 'r');
      const data = await this.#readIntact(file, name);
      if (data === undefined) await unlink(path);
      return data;
    } catch {
      return undefined;
    }
  }

  async has(key: string): Promise<boolean> {
    try {
      await access(this.#path(this.#name(key)));
      return true;
    } catch {
      return false;
    }
  }

  async put(key: string, data: Uint8Array): Promise<void> {
    const size = data.length + MAC_BYTES;
    if (size > this.#maxBytes * SWEEP_TARGET) return;
    const name = this.#name(key);
    try {
      await this.#write(this.#path(name), [data, this.#mac(name, data)]);
      this.#writtenBytes += size;
      await this.#sweepIfNeeded();
    } catch {
      // A full or broken disk only means that nothing is remembered.
    }
  }

  async usage(): Promise<{ readonly entries: number; readonly bytes: number }> {
    const files = await this.#scan();
    return { entries: files.length, bytes: totalSize(files) };
  }

  async clear(): Promise<void> {
    for (const folder of await listFolder(this.#folder)) {
      if (isEntryFolder(folder))
        await rm(join(this.#folder, folder), { recursive: true, force: true });
    }
    this.#scannedBytes = 0;
    this.#writtenBytes = 0;
  }

  #name(key: string): string {
    return createHmac('sha256', this.#key).update('name').update(key).digest('hex');
  }

  #path(name: string): string {
    return join(this.#folder, name.slice(0, 2), name.slice(2));
  }

  #mac(name: string, data: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update('data').update(name).update(data).digest();
  }

  async #readIntact(file: FileHandle, name: string): Promise<Uint8Array | undefined> {
    const { size, mtimeMs } = await file.stat();
    if (size < MAC_BYTES || size > this.#maxBytes) return undefined;
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size;) {
      const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
      if (bytesRead === 0) return undefined;
      filled += bytesRead;
    }
    const data = bytes.subarray(0, size - MAC_BYTES);
    if (!timingSafeEqual(this.#mac(name, data), bytes.subarray(size - MAC_BYTES))) return undefined;
    const now = Date.now();
    if (now - mtimeMs > TOUCH_INTERVAL_MS) await touch(file, now);
    return data;
  }

  async #write(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const temporary = `${path}.tmp.${randomBytes(8).toString('hex')}`;
    const write = (): Promise<void> => writeFile(temporary, parts, { flag: 'wx', mode: 0o600 });
    try {
      await write().catch(async (error: unknown) => {
        if (errnoCode(error) !== 'ENOENT') throw error;
        await makeDirectories(dirname(path), { mode: 0o700 });
        await write();
      });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** One sweep at a time; whoever comes meanwhile waits for it. */
  async #sweepIfNeeded(): Promise<void> {
    if (this.#sweeping === undefined && this.#needsSweep()) {
      this.#sweeping = this.#sweep().finally(() => {
        this.#sweeping = undefined;
      });
    }
    await this.#sweeping;
  }

  #needsSweep(): boolean {
    if (this.#scannedBytes === undefined) return true;
    if (this.#writtenBytes >= this.#maxBytes * RESCAN_PART) return true;
    return this.#scannedBytes + this.#writtenBytes > this.#maxBytes;
  }

  async #sweep(): Promise<void> {
    this.#writtenBytes = 0;
    const files = await this.#scan();
    let bytes = totalSize(files);
    if (bytes > this.#maxBytes) {
      const oldestFirst = files.toSorted((a, b) => a.mtimeMs - b.mtimeMs);
      for (const file of oldestFirst) {
        if (bytes <= this.#maxBytes * SWEEP_TARGET) break;
        await rm(file.path, { force: true });
        bytes -= file.size;
      }
    }
    this.#scannedBytes = bytes;
  }

  /** Entries of the folder. Files that a writer left half-written are removed when they are old. */
  async #scan(): Promise<readonly CachedFile[]> {
    const files: CachedFile[] = [];
    for (const folder of await listFolder(this.#folder)) {
      if (!isEntryFolder(folder)) continue;
      for (const name of await listFolder(join(this.#folder, folder))) {
        const file = await describeFile(join(this.#folder, folder, name));
        if (file === undefined) continue;
        if (!name.includes('.tmp.')) files.push(file);
        else if (Date.now() - file.mtimeMs > STALE_TEMPORARY_MS)
          await rm(file.path, { force: true });
      }
    }
    return files;
  }
}

function isEntryFolder(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

function totalSize(files: readonly CachedFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Names in a folder; none if it cannot be listed. */
async function listFolder(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch {
    return [];
  }
}

/** Undefined if another process has removed it meanwhile. */
async function describeFile(path: string): Promise<CachedFile | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, size, mtimeMs };
  } catch {
    return undefined;
  }
}

/** Marks an entry as used. One that cannot be marked, as on a read-only disk, is still good. */
async function touch(file: FileHandle, nowMs: number): Promise<void> {
  try {
    await file.utimes(nowMs / 1000, nowMs / 1000);
  } catch {
    // It only counts as older than it is.
  }
}
