import fs from 'node:fs/promises';
import { join, resolve } from 'node:path';

import {
  blobIDOfFile,
  changeSharding,
  encodeSharding,
  shardedPath,
  SHARDS_FILE,
} from '../blob/sharding.ts';
import type { ShardingChanges, ShardingParameters } from '../blob/sharding.ts';
import type { AbortOptions, BlobID } from '../blob/storage.ts';
import { LongshoreError } from '../errors.ts';
import { makeDurableDirectory, syncDirectory, writeDurableFile } from './durable-file.ts';
import { errnoCode, filesystemError } from './filesystem-errors.ts';
import { readShardsFile } from './shards-file.ts';

export type { ShardingChanges };

/** What is done next, with absolute paths. */
export type ReshardEvent =
  | { readonly kind: 'move'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove-folder'; readonly path: string };

export interface ReshardOptions extends AbortOptions {
  readonly changes: ShardingChanges;
  /** Tells what would be moved, and moves nothing. */
  readonly dryRun?: boolean;
  readonly onEvent?: (event: ReshardEvent) => void;
}

export interface ReshardResult {
  readonly moved: number;
  readonly unchanged: number;
  readonly removedFolders: number;
}

/** A file that is not where it belongs. */
interface Misplaced {
  readonly folder: string;
  readonly fileName: string;
  readonly id: BlobID;
}

/**
 * Lays the blobs of a repository folder out anew. Nobody may use the repository meanwhile: until the last file is in its
 * place and `.shards` says so, blobs are not found. Whatever interrupts it, the same call again completes it.
 * PATH_NOT_FOUND without `.shards`; ALREADY_EXISTS if there are two files of one blob: neither is touched.
 */
export async function reshardFolder(
  folder: string,
  options: ReshardOptions,
): Promise<ReshardResult> {
  const root = resolve(folder);
  const shardsPath = join(root, SHARDS_FILE);
  const old = await readShardsFile(shardsPath);
  if (old === undefined) {
    throw new LongshoreError(
      'PATH_NOT_FOUND',
      `${root} has no ${SHARDS_FILE}: nothing to reshard`,
      {
        path: shardsPath,
      },
    );
  }
  const reshard = new Reshard(root, changeSharding(old, options.changes), options);
  return reshard.run(shardsPath);
}

class Reshard {
  readonly #root: string;
  readonly #parameters: ShardingParameters;
  readonly #options: ReshardOptions;
  readonly #madeFolders = new Set<string>();
  readonly #changedFolders = new Set<string>();
  #unchanged = 0;
  #removedFolders = 0;

  constructor(root: string, parameters: ShardingParameters, options: ReshardOptions) {
    this.#root = root;
    this.#parameters = parameters;
    this.#options = options;
  }

  async run(shardsPath: string): Promise<ReshardResult> {
    const misplaced = await this.#findMisplaced();
    if (this.#options.dryRun === true) {
      for (const file of misplaced) this.#tellMove(file);
    } else {
      await this.#reporting(async () => {
        for (const file of misplaced) await this.#move(file);
        for (const folder of this.#changedFolders) await syncDirectory(folder);
        const { mode } = await fs.stat(shardsPath);
        const owner = await fs.stat(this.#root);
        const bytes = encodeSharding(this.#parameters);
        await writeDurableFile(shardsPath, bytes, { mode: mode & 0o777, owner });
        await this.#removeEmptyFolders(this.#root);
      });
    }
    return {
      moved: misplaced.length,
      unchanged: this.#unchanged,
      removedFolders: this.#removedFolders,
    };
  }

  /** All are found, and found to have a free place, before the first is moved. */
  async #findMisplaced(): Promise<readonly Misplaced[]> {
    const misplaced: Misplaced[] = [];
    const open = [{ folder: this.#root, prefix: '' }];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      this.#options.signal?.throwIfAborted();
      const { folder, prefix } = at;
      const entries = await this.#reporting(() => fs.readdir(folder, { withFileTypes: true }));
      for (const entry of entries) {
        const { name: fileName } = entry;
        if (entry.isDirectory()) {
          open.push({ folder: join(folder, fileName), prefix: prefix + fileName });
          continue;
        }
        const id = blobIDOfFile(prefix, fileName);
        if (id === undefined) continue;
        const file: Misplaced = { folder, fileName, id };
        if (this.#targetOf(id).path === join(folder, fileName)) this.#unchanged += 1;
        else {
          await this.#requireFreePlace(file);
          misplaced.push(file);
        }
      }
    }
    return misplaced;
  }

  async #move(file: Misplaced): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const target = this.#targetOf(file.id);
    for (const folder of target.folders) await this.#makeFolder(folder);
    // Two stray files of one blob each found the place free.
    await this.#requireFreePlace(file);
    this.#tellMove(file);
    await fs.rename(join(file.folder, file.fileName), target.path);
    this.#changedFolders.add(file.folder).add(target.folders.at(-1) ?? this.#root);
  }

  /** New folders are as those of the root, so that whoever shares the repository still can. */
  async #makeFolder(path: string): Promise<void> {
    if (this.#madeFolders.has(path)) return;
    const { mode, uid, gid } = await fs.stat(this.#root);
    await makeDurableDirectory(path, { mode: mode & 0o777, owner: { uid, gid } });
    this.#madeFolders.add(path);
  }

  async #requireFreePlace({ folder, fileName, id }: Misplaced): Promise<void> {
    const { path } = this.#targetOf(id);
    const isTaken = await fs.lstat(path).then(
      () => true,
      (error: unknown) => {
        if (['ENOENT', 'ENOTDIR'].includes(errnoCode(error) ?? '')) return false;
        throw filesystemError(error, { action: 'look for a blob', path, blobID: id });
      },
    );
    if (!isTaken) return;
    throw new LongshoreError(
      'ALREADY_EXISTS',
      `two files hold blob ${id}: ${join(folder, fileName)} and ${path}; remove the wrong one first`,
      { path, blobID: id },
    );
  }

  #targetOf(id: BlobID): { readonly path: string; readonly folders: readonly string[] } {
    const { folders, fileName } = shardedPath(id, this.#parameters);
    const paths: string[] = [];
    for (const folder of folders) paths.push(join(paths.at(-1) ?? this.#root, folder));
    return { path: join(paths.at(-1) ?? this.#root, fileName), folders: paths };
  }

  #tellMove({ folder, fileName, id }: Misplaced): void {
    const from = join(folder, fileName);
    this.#options.onEvent?.({ kind: 'move', from, to: this.#targetOf(id).path });
  }

  /** Whether the folder is empty afterwards. One that cannot be removed does no harm. */
  async #removeEmptyFolders(folder: string): Promise<boolean> {
    let isEmpty = true;
    for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
      this.#options.signal?.throwIfAborted();
      const path = join(folder, entry.name);
      if (!entry.isDirectory() || !(await this.#removeEmptyFolders(path))) {
        isEmpty = false;
        continue;
      }
      try {
        await fs.rmdir(path);
      } catch {
        isEmpty = false;
        continue;
      }
      this.#removedFolders += 1;
      this.#options.onEvent?.({ kind: 'remove-folder', path });
    }
    return isEmpty;
  }

  async #reporting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw filesystemError(error, { action: 'reshard the repository', path: this.#root });
    }
  }
}
