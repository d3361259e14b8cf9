import type { Dirent } from 'node:fs';
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import {
  blobExistsError,
  blobNotFoundError,
  checkBlobLength,
  checkByteRange,
  rangePastEndError,
} from '../blob/byte-range.ts';
import { blobIDOfFile, folderMayHold, shardedPath } from '../blob/sharding.ts';
import type {
  AbortOptions,
  BlobID,
  BlobMetadata,
  BlobStorage,
  GetBlobOptions,
  PutBlobOptions,
} from '../blob/storage.ts';
import type { Bytes } from '../bytes.ts';
import { LongshoreError } from '../errors.ts';
import { DirectWriter } from './direct-write.ts';
import { makeDurableDirectory, syncDirectory, writeDurableFile } from './durable-file.ts';
import type { FileOwner } from './durable-file.ts';
import { errnoCode, filesystemError } from './filesystem-errors.ts';
import { makeDirectories } from './make-directories.ts';
import { roomFor } from './room.ts';
import { ShardsFile } from './shards-file.ts';

/** Kopia's connection settings of a filesystem repository, under its names. */
export interface FilesystemStorageOptions {
  readonly path: string;
  /**
   * For a new repository: makes the folder if it is missing, unless it must exist, and shards by [1, 3] unless
   * `dirShards` says otherwise. An existing folder and its `.shards` are taken as they are.
   */
  readonly create?: boolean | 'in-existing-folder';
  /** Used if the folder has no `.shards`; default [3, 3], as in Kopia. */
  readonly dirShards?: readonly number[];
  /** All blobs in one folder: the same as `dirShards: []`. */
  readonly flat?: boolean;
  /** Default 0o600. */
  readonly fileMode?: number;
  /** Default 0o700. */
  readonly dirMode?: number;
  /** Owner of new files and folders; needs `gid` too, and takes effect only for root. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Listed files are looked at so many at a time. */
const LIST_BATCH = 64;
/** Bytes read between two looks at the signal. */
const READ_SIZE = 4 * 1024 * 1024;

/**
 * Opens a folder, local or mounted, as storage. STORAGE_FAILED if it is missing and not to be made;
 * INVALID_ARGUMENT if it is not a folder or the options contradict each other.
 */
export async function openFilesystemStorage(
  options: FilesystemStorageOptions,
): Promise<BlobStorage> {
  if (options.path === '') throw invalidOptions('the path is empty');
  if (options.flat && options.dirShards && options.dirShards.length > 0) {
    throw invalidOptions('flat contradicts dirShards');
  }
  if ((options.uid === undefined) !== (options.gid === undefined)) {
    throw invalidOptions('uid and gid go together');
  }
  const root = resolve(options.path);
  const storage = new FilesystemStorage(root, options);
  if (options.create === true) await makeRoot(root, storage.folderOptions);
  await checkRoot(root);
  return storage;
}

class FilesystemStorage implements BlobStorage {
  readonly displayName: string;
  readonly capabilities = { objectLock: false, putIfAbsent: true, putTimes: true } as const;
  readonly folderOptions: { readonly mode: number; readonly owner: FileOwner | undefined };
  readonly #root: string;
  readonly #fileOptions: { readonly mode: number; readonly owner: FileOwner | undefined };
  readonly #shards: ShardsFile;
  readonly #directWriter: DirectWriter = new DirectWriter();
  /** Folders whose entry is not durable yet: no put below them resolves before it is. */
  readonly #foldersInTheMaking = new Map<string, Promise<unknown>>();

  constructor(root: string, options: FilesystemStorageOptions) {
    const { uid, gid } = options;
    const owner = uid === undefined || gid === undefined ? undefined : { uid, gid };
    this.#root = root;
    this.displayName = `Filesystem: ${root}`;
    this.folderOptions = { mode: options.dirMode ?? 0o700, owner };
    this.#fileOptions = { mode: options.fileMode ?? 0o600, owner };
    this.#shards = new ShardsFile({
      root,
      dirShards: options.flat ? [] : options.dirShards,
      create: (options.create ?? false) !== false,
      fileOptions: this.#fileOptions,
    });
  }

  async getBlob(id: BlobID, options: GetBlobOptions = {}): Promise<Uint8Array> {
    const { range, signal } = options;
    signal?.throwIfAborted();
    if (range) checkByteRange(id, range);
    const { path } = await this.#locate(id);
    try {
      const handle = await fs.open(path, 'r');
      try {
        return await readRange(handle, id, options);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw await this.#readError(error, id, path);
    }
  }

  async getMetadata(id: BlobID, { signal }: AbortOptions = {}): Promise<BlobMetadata> {
    signal?.throwIfAborted();
    const { path } = await this.#locate(id);
    try {
      const stat = await fs.stat(path, { bigint: true });
      if (!stat.isFile()) throw blobNotFoundError(id);
      return { id, length: Number(stat.size), timestamp: stat.mtimeNs };
    } catch (error) {
      throw await this.#readError(error, id, path);
    }
  }

  async *listBlobs(
    prefix: string,
    { signal }: AbortOptions = {},
  ): AsyncGenerator<BlobMetadata, void, void> {
    signal?.throwIfAborted();
    const open: { readonly path: string; readonly folderPrefix: string }[] = [
      { path: this.#root, folderPrefix: '' },
    ];
    for (let folder = open.pop(); folder; folder = open.pop()) {
      const { path, folderPrefix } = folder;
      let files: { readonly id: BlobID; readonly path: string }[] = [];
      for await (const entry of this.#entries(path)) {
        signal?.throwIfAborted();
        const entryPath = join(path, entry.name);
        if (entry.isDirectory()) {
          const inner = folderPrefix + entry.name;
          if (folderMayHold(inner, prefix)) open.push({ path: entryPath, folderPrefix: inner });
          continue;
        }
        const id = blobIDOfFile(folderPrefix, entry.name);
        if (!id?.startsWith(prefix)) continue;
        files.push({ id, path: entryPath });
        if (files.length < LIST_BATCH) continue;
        yield* listFiles(files, signal);
        files = [];
      }
      yield* listFiles(files, signal);
    }
  }

  async putBlob(id: BlobID, data: Bytes, options: PutBlobOptions = {}): Promise<void> {
    const { signal, ifAbsent, timestamp } = options;
    signal?.throwIfAborted();
    if (options.retention) throw unsupportedLock(id);
    await this.#shards.ensureStored();
    const { path, folders } = await this.#locate(id);
    const write = (): Promise<void> =>
      writeDurableFile(path, data, {
        ...this.#fileOptions,
        ifAbsent,
        modificationTime: timestamp,
        signal,
        directWriter: this.#directWriter,
      });
    try {
      await write().catch(async (error: unknown) => {
        if (errnoCode(error) !== 'ENOENT' || folders.length === 0) throw error;
        await this.#makeFolders(folders);
        return write();
      });
      for (const folder of folders) await this.#foldersInTheMaking.get(folder);
    } catch (error) {
      if (ifAbsent && errnoCode(error) === 'EEXIST') throw blobExistsError(id, error);
      if (errnoCode(error) === 'ENOENT') await checkRoot(this.#root);
      throw filesystemError(error, { action: `write blob ${id}`, path, blobID: id });
    }
  }

  async deleteBlob(id: BlobID, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const { path } = await this.#locate(id);
    try {
      await fs.unlink(path);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return checkRoot(this.#root);
      throw filesystemError(error, { action: `delete blob ${id}`, path, blobID: id });
    }
  }

  /** Holds nothing between calls. */
  async [Symbol.asyncDispose](): Promise<void> {}

  /** File of a blob, and the paths of the folders on the way to it. */
  async #locate(id: BlobID): Promise<{ readonly path: string; readonly folders: string[] }> {
    const { folders, fileName } = shardedPath(id, await this.#shards.parameters());
    const paths: string[] = [];
    for (const folder of folders) paths.push(join(paths.at(-1) ?? this.#root, folder));
    return { path: join(paths.at(-1) ?? this.#root, fileName), folders: paths };
  }

  async #makeFolders(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      let making = this.#foldersInTheMaking.get(path);
      if (!making) {
        making = makeDurableDirectory(path, this.folderOptions).finally(() =>
          this.#foldersInTheMaking.delete(path),
        );
        this.#foldersInTheMaking.set(path, making);
      }
      await making;
    }
  }

  /** Entries of a folder as they come; a folder that has just gone has none. */
  async *#entries(path: string): AsyncGenerator<Dirent, void, void> {
    try {
      yield* await fs.opendir(path, { bufferSize: 256 });
    } catch (error) {
      if (errnoCode(error) !== 'ENOENT') {
        throw filesystemError(error, { action: 'list blobs', path });
      }
      await checkRoot(this.#root);
    }
  }

  async #readError(error: unknown, id: BlobID, path: string): Promise<unknown> {
    if (errnoCode(error) === 'ENOENT') {
      await checkRoot(this.#root);
      return blobNotFoundError(id, error);
    }
    return filesystemError(error, { action: `read blob ${id}`, path, blobID: id });
  }
}

/** All of the file, or exactly the range. */
async function readRange(
  handle: FileHandle,
  id: BlobID,
  { range, signal, into }: GetBlobOptions,
): Promise<Uint8Array> {
  const blobLength = (await handle.stat()).size;
  const { offset, length } = range ?? { offset: 0, length: blobLength };
  if (offset + length > blobLength) throw rangePastEndError(id, { offset, length }, blobLength);
  checkBlobLength(id, length);
  const bytes = roomFor(length, into);
  for (let done = 0; done < length;) {
    signal?.throwIfAborted();
    const size = Math.min(READ_SIZE, length - done);
    const { bytesRead } = await handle.read(bytes, done, size, offset + done);
    if (bytesRead === 0) throw rangePastEndError(id, { offset, length }, offset + done);
    done += bytesRead;
  }
  signal?.throwIfAborted();
  return bytes;
}

async function* listFiles(
  files: readonly { readonly id: BlobID; readonly path: string }[],
  signal: AbortSignal | undefined,
): AsyncGenerator<BlobMetadata, void, void> {
  const found = await Promise.all(files.map(({ id, path }) => listFile(id, path)));
  for (const blob of found) {
    signal?.throwIfAborted();
    if (blob) yield blob;
  }
}

/** Undefined if the file has gone since its name was read. */
async function listFile(id: BlobID, path: string): Promise<BlobMetadata | undefined> {
  try {
    const stat = await fs.stat(path, { bigint: true });
    if (!stat.isFile()) return undefined;
    return { id, length: Number(stat.size), timestamp: stat.mtimeNs };
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw filesystemError(error, { action: `list blob ${id}`, path, blobID: id });
  }
}

/** Tells a missing root from a missing blob: an unmounted disk must not look like an empty repository. */
async function checkRoot(root: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await fs.stat(root)).isDirectory();
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') {
      throw new LongshoreError(
        'STORAGE_FAILED',
        `there is no repository folder ${root}; check the path, and that its disk is mounted`,
        { path: root, cause: error },
      );
    }
    throw filesystemError(error, { action: 'open the repository folder', path: root });
  }
  if (!isFolder) throw invalidOptions(`not a folder: ${root}`);
}

async function makeRoot(
  root: string,
  folderOptions: { readonly mode: number; readonly owner: FileOwner | undefined },
): Promise<void> {
  try {
    const first = await makeDirectories(root, { mode: folderOptions.mode });
    if (first === undefined) return;
    if (folderOptions.owner && process.geteuid?.() === 0) {
      await fs.chown(root, folderOptions.owner.uid, folderOptions.owner.gid);
    }
    for (let made = root; made.length >= first.length; made = dirname(made)) {
      await syncDirectory(dirname(made));
    }
  } catch (error) {
    // A file in its place: checkRoot says so.
    if (errnoCode(error) === 'EEXIST') return;
    throw filesystemError(error, { action: 'make the repository folder', path: root });
  }
}

function invalidOptions(why: string): LongshoreError {
  return new LongshoreError('INVALID_ARGUMENT', `filesystem storage: ${why}`);
}

function unsupportedLock(id: BlobID): LongshoreError {
  return new LongshoreError('UNSUPPORTED', `blob ${id}: a file system has no object lock`, {
    blobID: id,
  });
}
