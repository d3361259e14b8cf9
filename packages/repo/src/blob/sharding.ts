import { decodeUtf8, encodeUtf8 } from '../bytes.ts';
import { CorruptDataError, describeError, LongshoreError } from '../errors.ts';
import { parseBlobID } from './storage.ts';
import type { BlobID } from './storage.ts';

/**
 * How blob IDs become folders and files where many files in one folder are slow: file systems, SFTP, WebDAV.
 * Layout in docs/format/blob-storage.md.
 */
export interface ShardingParameters {
  /** Lengths of the folder names, outermost first, in characters. */
  readonly shards: readonly number[];
  /** IDs of at most this many characters stay in the root. */
  readonly maxNonShardedLength: number;
  /** The first whose prefix begins an ID replaces `shards` for it. */
  readonly overrides: readonly {
    readonly prefix: string;
    readonly shards: readonly number[];
  }[];
}

/** The file in the root that holds the parameters. */
export const SHARDS_FILE = '.shards';
/** Ends the name of every blob's file. */
const BLOB_FILE_SUFFIX = '.f';

/** What a new repository gets; format version 1 gets {@link LEGACY_DIR_SHARDS}, and a flat one the empty list. */
export const DEFAULT_DIR_SHARDS: readonly number[] = [1, 3];
/** What Kopia assumes for a root without `.shards`. */
export const LEGACY_DIR_SHARDS: readonly number[] = [3, 3];

const MAX_NON_SHARDED_LENGTH = 20;
/** Bytes. A real file has some fifty. */
export const MAX_SHARDS_FILE_LENGTH = 65_536;

export function shardingWith(shards: readonly number[]): ShardingParameters {
  for (const length of shards) {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new LongshoreError('INVALID_ARGUMENT', `not the length of a folder name: ${length}`);
    }
  }
  return { shards, maxNonShardedLength: MAX_NON_SHARDED_LENGTH, overrides: [] };
}

/** What a change of the layout asks for; what is left out stays. */
export interface ShardingChanges {
  readonly shards?: readonly number[];
  readonly maxNonShardedLength?: number;
  /** Prefixes whose overrides go; taken away before others are added. */
  readonly removeOverrides?: readonly string[];
  /** Each replaces the one of its prefix, and comes last. */
  readonly overrides?: ShardingParameters['overrides'];
}

export function changeSharding(
  parameters: ShardingParameters,
  changes: ShardingChanges,
): ShardingParameters {
  const removed = new Set(changes.removeOverrides);
  let overrides = parameters.overrides.filter(({ prefix }) => !removed.has(prefix));
  for (const added of changes.overrides ?? []) {
    overrides = [...overrides.filter(({ prefix }) => prefix !== added.prefix), added];
  }
  return {
    shards: changes.shards ?? parameters.shards,
    maxNonShardedLength: changes.maxNonShardedLength ?? parameters.maxNonShardedLength,
    overrides,
  };
}

/** The content of `.shards` byte for byte as Kopia writes it. */
export function encodeSharding(parameters: ShardingParameters): Uint8Array {
  const { shards, maxNonShardedLength, overrides } = parameters;
  const json = {
    default: shards,
    maxNonShardedLength,
    ...(overrides.length > 0 && { overrides }),
  };
  return encodeUtf8(`${JSON.stringify(json)}\n`);
}

/** Reads `.shards`; CORRUPT_DATA naming `path` if it is malformed. Absent keys are empty or 0, as in Kopia. */
export function parseSharding(bytes: Uint8Array, path: string): ShardingParameters {
  let json: unknown;
  try {
    json = JSON.parse(decodeUtf8(bytes, path));
  } catch (cause) {
    throw new CorruptDataError(`${path}: ${describeError(cause)}`, { path, cause });
  }
  const fields = record(json, path);
  const maxNonShardedLength = fields['maxNonShardedLength'] ?? 0;
  if (!isLength(maxNonShardedLength)) throw malformed(path, 'maxNonShardedLength');
  const overrides = fields['overrides'] ?? [];
  if (!Array.isArray(overrides)) throw malformed(path, 'overrides');
  return {
    shards: lengths(fields['default'], path, 'default'),
    maxNonShardedLength,
    overrides: overrides.map((item: unknown) => {
      const override = record(item, path);
      const prefix = override['prefix'] ?? '';
      if (typeof prefix !== 'string') throw malformed(path, 'overrides.prefix');
      return { prefix, shards: lengths(override['shards'], path, 'overrides.shards') };
    }),
  };
}

/**
 * Folder names, outermost first, and file name of a blob. An ID whose folders would be `.` or `..` has no
 * place below the root: INVALID_ARGUMENT.
 */
export function shardedPath(
  id: BlobID,
  parameters: ShardingParameters,
): { readonly folders: readonly string[]; readonly fileName: string } {
  const folders: string[] = [];
  let rest: string = id;
  if (id.length > parameters.maxNonShardedLength) {
    for (const length of shardsOf(id, parameters)) {
      if (rest.length <= length) break;
      if (length === 0) continue;
      folders.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
  }
  if (folders.some((folder) => folder === '.' || folder === '..')) {
    throw new LongshoreError(
      'INVALID_ARGUMENT',
      `blob ${id}: its folder would be ${folders.join('/')}`,
      { blobID: id },
    );
  }
  return { folders, fileName: rest + BLOB_FILE_SUFFIX };
}

/** The ID of a file found below folders whose names join to `folderPrefix`; undefined if it is no blob's file. */
export function blobIDOfFile(folderPrefix: string, fileName: string): BlobID | undefined {
  if (!fileName.endsWith(BLOB_FILE_SUFFIX)) return undefined;
  try {
    return parseBlobID(folderPrefix + fileName.slice(0, -BLOB_FILE_SUFFIX.length));
  } catch {
    return undefined;
  }
}

/** Whether a folder can hold blobs that start with `prefix`, given all folder names down to it joined. */
export function folderMayHold(folderPrefix: string, prefix: string): boolean {
  return folderPrefix.startsWith(prefix) || prefix.startsWith(folderPrefix);
}

function shardsOf(id: BlobID, parameters: ShardingParameters): readonly number[] {
  const override = parameters.overrides.find(({ prefix }) => id.startsWith(prefix));
  return override?.shards ?? parameters.shards;
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CorruptDataError(`${path}: not a JSON object`, { path });
  }
  return value as Record<string, unknown>;
}

function lengths(value: unknown, path: string, field: string): readonly number[] {
  const list: unknown = value ?? [];
  if (!Array.isArray(list) || !list.every(isLength)) throw malformed(path, field);
  return list;
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function malformed(path: string, field: string): CorruptDataError {
  return new CorruptDataError(`${path}: ${field} is malformed`, { path, field });
}
