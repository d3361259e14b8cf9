import fs from 'node:fs/promises';
import { join } from 'node:path';

import {
  DEFAULT_DIR_SHARDS,
  encodeSharding,
  LEGACY_DIR_SHARDS,
  MAX_SHARDS_FILE_LENGTH,
  parseSharding,
  SHARDS_FILE,
  shardingWith,
} from '../blob/sharding.ts';
import type { ShardingParameters } from '../blob/sharding.ts';
import { CorruptDataError, hasCode } from '../errors.ts';
import { writeDurableFile } from './durable-file.ts';
import type { FileOwner } from './durable-file.ts';
import { errnoCode, filesystemError } from './filesystem-errors.ts';

export interface ShardsFileOptions {
  readonly root: string;
  readonly dirShards: readonly number[] | undefined;
  readonly create: boolean;
  readonly fileOptions: { readonly mode: number; readonly owner: FileOwner | undefined };
}

/** The `.shards` file of a folder: what it says, or what is assumed until the first put writes it. */
export class ShardsFile {
  readonly #path: string;
  readonly #options: ShardsFileOptions;
  readonly #assumed: ShardingParameters;
  #stored: ShardingParameters | undefined;

  constructor(options: ShardsFileOptions) {
    this.#options = options;
    this.#path = join(options.root, SHARDS_FILE);
    this.#assumed = shardingWith(
      options.dirShards ?? (options.create ? DEFAULT_DIR_SHARDS : LEGACY_DIR_SHARDS),
    );
  }

  /** Stored parameters never change; a missing file is looked for again, since another writer may bring it. */
  async parameters(): Promise<ShardingParameters> {
    this.#stored ??= await readShardsFile(this.#path);
    return this.#stored ?? this.#assumed;
  }

  /** Before the first put: writes the file if it is missing, and obeys another writer who was faster. */
  async ensureStored(): Promise<void> {
    this.#stored ??= await readShardsFile(this.#path);
    if (this.#stored) return;
    await this.#checkFolders();
    await this.#write();
    this.#stored = await readShardsFile(this.#path);
  }

  async #write(): Promise<void> {
    const bytes = encodeSharding(this.#assumed);
    const { fileOptions } = this.#options;
    try {
      await writeDurableFile(this.#path, bytes, { ...fileOptions, ifAbsent: true }).catch(
        (error: unknown) => {
          if (!hasCode(error, 'UNSUPPORTED')) throw error;
          return writeDurableFile(this.#path, bytes, fileOptions);
        },
      );
    } catch (error) {
      if (errnoCode(error) === 'EEXIST') return;
      throw filesystemError(error, { action: 'write the sharding parameters', path: this.#path });
    }
  }

  /**
   * A repository that lost its `.shards` has folders of another length than the assumed one. Writing what is
   * assumed would hide all its blobs, so this stops before.
   */
  async #checkFolders(): Promise<void> {
    const { root } = this.#options;
    const expected = this.#assumed.shards.find((length) => length > 0) ?? 0;
    let other: string | undefined;
    try {
      for (const entry of await fs.readdir(root, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        if (entry.name.length === expected) return;
        other ??= entry.name;
      }
    } catch (error) {
      throw filesystemError(error, { action: 'look into the repository folder', path: root });
    }
    const isRepository = await fs.stat(join(root, 'kopia.repository.f')).then(
      () => true,
      () => false,
    );
    if (other === undefined || !isRepository) return;
    throw new CorruptDataError(
      `${this.#path} is missing, and folder ${other} does not fit the assumed ` +
        `[${this.#assumed.shards.join(',')}]: restore the file, or give the right dirShards`,
      { path: this.#path },
    );
  }
}

/** What `.shards` at `path` says; undefined if there is no such file. */
export async function readShardsFile(path: string): Promise<ShardingParameters | undefined> {
  try {
    const handle = await fs.open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > MAX_SHARDS_FILE_LENGTH) {
        throw new CorruptDataError(`${path}: ${size} bytes are too many`, { path });
      }
      return parseSharding(await handle.readFile(), path);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw filesystemError(error, { action: 'read the sharding parameters', path });
  }
}
