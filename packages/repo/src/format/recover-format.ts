import type { Algorithms } from '../algorithms.ts';
import {
  abortOptions,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobReader,
  type BlobStorage,
} from '../blob/storage.ts';
import { hasCode, LongshoreError } from '../errors.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from './format-blob.ts';
import { REPLICA_SEARCH_BYTES, replicaAtEnd, replicaAtStart } from './format-replica.ts';
import { readIfPresent } from './format-state.ts';

export interface RecoverFormatOptions extends AbortOptions {
  readonly algorithms: Pick<Algorithms, 'hmacSha256'>;
  /** Blobs to look into; default all packs. */
  readonly prefixes?: readonly string[];
  /** Newest packs that are looked into before giving up; default 1000. */
  readonly maxPacks?: number;
}

export interface RecoveredFormat {
  readonly packBlobID: BlobID;
  readonly formatBlob: Uint8Array;
}

const DEFAULT_MAX_PACKS = 1000;

/**
 * Writes a lost `kopia.repository` back from its copy in the newest pack that has one: only repositories
 * whose password cannot change keep copies. REPOSITORY_EXISTS if it is not lost; REPOSITORY_NOT_INITIALIZED
 * if no pack has a copy. Needs no password. Retention of the blob is not known here and not set.
 */
export async function recoverFormatBlob(
  storage: BlobStorage,
  options: RecoverFormatOptions,
): Promise<RecoveredFormat> {
  const abort = abortOptions(options);
  if ((await readIfPresent(storage, FORMAT_BLOB_ID, abort)) !== undefined) {
    throw new LongshoreError(
      'REPOSITORY_EXISTS',
      `${FORMAT_BLOB_ID} is there; nothing to recover`,
      {
        blobID: FORMAT_BLOB_ID,
      },
    );
  }
  const packs = await newestBlobs(storage, options, abort);
  for (const pack of packs) {
    const formatBlob = await findReplica(storage, pack, options.algorithms, abort);
    if (formatBlob === undefined) continue;
    parseFormatBlob(formatBlob);
    await storage.putBlob(FORMAT_BLOB_ID, formatBlob, {
      ...abort,
      ...(storage.capabilities.putIfAbsent ? { ifAbsent: true } : {}),
    });
    return { packBlobID: pack.id, formatBlob };
  }
  throw new LongshoreError(
    'REPOSITORY_NOT_INITIALIZED',
    `none of ${packs.length} packs in ${storage.displayName} has a copy of ${FORMAT_BLOB_ID}`,
    { blobID: FORMAT_BLOB_ID },
  );
}

/** Newest first. Holds at most twice the limit while listing. */
async function newestBlobs(
  storage: BlobReader,
  options: RecoverFormatOptions,
  abort: AbortOptions,
): Promise<readonly BlobMetadata[]> {
  const limit = options.maxPacks ?? DEFAULT_MAX_PACKS;
  let newest: BlobMetadata[] = [];
  const trim = (): void => {
    newest.sort((a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0));
    newest = newest.slice(0, limit);
  };
  for (const prefix of options.prefixes ?? ['p', 'q']) {
    for await (const blob of storage.listBlobs(prefix, abort)) {
      newest.push(blob);
      if (newest.length >= 2 * limit) trim();
    }
  }
  trim();
  return newest;
}

async function findReplica(
  storage: BlobReader,
  pack: BlobMetadata,
  algorithms: Pick<Algorithms, 'hmacSha256'>,
  abort: AbortOptions,
): Promise<Uint8Array | undefined> {
  const length = Math.min(pack.length, REPLICA_SEARCH_BYTES);
  const read = (offset: number): Promise<Uint8Array> =>
    storage.getBlob(pack.id, { ...abort, range: { offset, length } });
  try {
    const start = await read(0);
    const atStart = await replicaAtStart(algorithms, start);
    if (atStart !== undefined) return atStart;
    return await replicaAtEnd(
      algorithms,
      length === pack.length ? start : await read(pack.length - length),
    );
  } catch (error) {
    if (hasCode(error, 'BLOB_NOT_FOUND')) return undefined;
    throw error;
  }
}
