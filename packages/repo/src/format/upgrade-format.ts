import {
  abortOptions,
  parseBlobID,
  type AbortOptions,
  type BlobID,
  type BlobMetadata,
  type BlobStorage,
} from '../blob/storage.ts';
import { equalBytes } from '../bytes.ts';
import { CorruptDataError } from '../errors.ts';
import { putFormatBlob, type ChangeFormatOptions } from './change-format.ts';
import { FORMAT_BLOB_ID, parseFormatBlob } from './format-blob.ts';
import type { FormatManager } from './format-manager.ts';
import {
  isSameRepository,
  openFormatState,
  readIfPresent,
  sealFormatState,
} from './format-state.ts';
import type { FormatState } from './format-state.ts';
import { changeFormatMembers, type FormatMembers } from './stored-format.ts';

/** Copies of the format blob as it was before an upgrade, named after who upgrades. */
const BACKUP_PREFIX = 'kopia.repository.backup.';

/** INVALID_ARGUMENT if the name cannot be part of a blob ID. */
export function backupBlobID(ownerID: string): BlobID {
  return parseBlobID(BACKUP_PREFIX + ownerID);
}

/**
 * Copies the format blob aside, byte by byte. Copies that earlier upgrades left are deleted then: Kopia rolls
 * back to the oldest, which may know nothing of what the repository has become since.
 */
export async function backUpFormat(
  manager: FormatManager,
  ownerID: string,
  { storage, signal }: ChangeFormatOptions,
): Promise<BlobMetadata> {
  const id = backupBlobID(ownerID);
  const { formatBlobBytes, blobConfiguration } = manager;
  signal?.throwIfAborted();
  await putFormatBlob(storage, id, formatBlobBytes, blobConfiguration);
  const written = await storage.getMetadata(id);
  await deleteBackups(storage, id, abortOptions({ signal }));
  return written;
}

/** Deletes all copies but one, if that is given. */
export async function deleteBackups(
  storage: BlobStorage,
  kept: BlobID | undefined,
  options: AbortOptions,
): Promise<void> {
  for (const { id } of await listBackups(storage, options)) {
    if (id !== kept) await storage.deleteBlob(id, options);
  }
}

/**
 * The copy that belongs to an upgrade: its owner's, else the oldest, as Kopia takes. Undefined if there is none;
 * CORRUPT_DATA if it is none of this repository.
 */
export async function readBackup(
  manager: FormatManager,
  ownerID: string,
  { storage, signal }: ChangeFormatOptions,
): Promise<FormatState | undefined> {
  const abort = abortOptions({ signal });
  const own = backupBlobID(ownerID);
  const backups = await listBackups(storage, abort);
  const [oldest] = backups.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  const id = backups.some((backup) => backup.id === own) ? own : oldest?.id;
  const bytes = id === undefined ? undefined : await readIfPresent(storage, id, abort);
  if (id === undefined || bytes === undefined) return undefined;
  const { state, algorithms } = manager;
  const blob = parseFormatBlob(bytes);
  const isOfThisRepository = equalBytes(blob.uniqueID, state.blob.uniqueID);
  const opened = isOfThisRepository
    ? await openFormatState(
        algorithms,
        { formatBlob: bytes, blobConfiguration: undefined },
        blob,
        state.keys,
      )
    : undefined;
  if (opened === undefined || !isSameRepository(opened, state) || opened.stored.upgradeLock) {
    throw new CorruptDataError(`${id} is no copy of this repository's format before its upgrade`, {
      blobID: id,
    });
  }
  return opened;
}

/** Replaces members of the stored format and takes over the result. */
export async function storeFormatChanges(
  manager: FormatManager,
  changes: Parameters<typeof changeFormatMembers>[1],
  options: ChangeFormatOptions,
): Promise<void> {
  await storeFormatMembers(
    manager,
    changeFormatMembers(manager.state.stored.members, changes),
    options,
  );
}

/** Replaces the whole inside of the format blob. The configuration beside it stays. */
export async function storeFormatMembers(
  manager: FormatManager,
  members: FormatMembers,
  { storage, clock, signal }: ChangeFormatOptions,
): Promise<void> {
  const { state, algorithms } = manager;
  const loadedAt = clock();
  const { blob, keys, blobConfiguration } = state;
  const sealed = await sealFormatState(algorithms, blob, keys, members, blobConfiguration);
  signal?.throwIfAborted();
  await putFormatBlob(storage, FORMAT_BLOB_ID, sealed.bytes.formatBlob, blobConfiguration);
  manager.adopt(sealed.state, loadedAt);
}

/** Puts the copy back as the format of the repository. */
export async function restoreFormat(
  manager: FormatManager,
  backup: FormatState,
  { storage, clock, signal }: ChangeFormatOptions,
): Promise<void> {
  const { blobConfiguration } = manager.state;
  const loadedAt = clock();
  signal?.throwIfAborted();
  await putFormatBlob(storage, FORMAT_BLOB_ID, backup.blobBytes, blobConfiguration);
  manager.adopt({ ...backup, blobConfiguration }, loadedAt);
}

async function listBackups(storage: BlobStorage, options: AbortOptions): Promise<BlobMetadata[]> {
  const backups: BlobMetadata[] = [];
  for await (const blob of storage.listBlobs(BACKUP_PREFIX, options)) backups.push(blob);
  return backups;
}
