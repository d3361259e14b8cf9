import { abortOptions } from '../blob/storage.ts';
import { hasLegacyPoison, LEGACY_POISON_BLOB_ID } from '../content/indexblob/legacy-poison.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import { withRetention } from '../format/retaining-storage.ts';
import { changeFormatMembers } from '../format/stored-format.ts';
import {
  deleteBackups,
  readBackup,
  restoreFormat,
  storeFormatMembers,
} from '../format/upgrade-format.ts';
import { IndexMigration } from './migrate-indexes.ts';
import { requireOwnLock } from './own-lock.ts';
import type { UpgradeEnvironment } from './upgrade-repository.ts';

/**
 * `rolled-back`: the format is what it was before. `mended`: there was no lock, but a mark of a rolled back
 * upgrade that made the legacy index unreadable.
 */
export type RollBackOutcome = 'rolled-back' | 'mended';

/**
 * Takes back an upgrade that was not committed. Refuses if contents were stored since the indexes were migrated,
 * which the old indexes know nothing of: finish the upgrade then. Killed at any moment it is called again.
 */
export async function rollBackUpgrade(environment: UpgradeEnvironment): Promise<RollBackOutcome> {
  const { formatManager: manager, ownerID, clock, random, signal } = environment;
  const abort = abortOptions({ signal });
  const storage = withRetention(environment.storage, () => manager.blobConfiguration);
  const change = { storage, clock, ...abort };
  const parts = { storage, formatManager: manager, clock, random, ownerID };
  // Before the format: who migrates puts the mark after it has changed the format.
  const isMarked = await hasLegacyPoison(storage, abort);
  await manager.refresh(abort);
  if (manager.upgradeLock === undefined) {
    if (!isMarked || manager.current().epochParameters.enabled) throw noUpgrade();
    const migration = await IndexMigration.open(parts);
    await refuseLoss(migration, abort);
    await storage.deleteBlob(LEGACY_POISON_BLOB_ID, abort);
    return 'mended';
  }
  const lock = requireOwnLock(manager, ownerID);
  const backup = await readBackup(manager, ownerID, change);
  if (backup === undefined) throw noBackup();
  if (!backup.stored.format.epochParameters.enabled) {
    const migration = await IndexMigration.open(parts);
    if (manager.current().epochParameters.enabled) {
      await refuseLoss(migration, abort);
      // Still locked, but with the old indexes: from here on the epochs count for nobody.
      const { version } = manager.current();
      const members = changeFormatMembers(backup.stored.members, { version, upgradeLock: lock });
      await storeFormatMembers(manager, members, change);
    }
    await storage.deleteBlob(LEGACY_POISON_BLOB_ID, abort);
    await migration.deleteEpochBlobs(abort);
  }
  await restoreFormat(manager, backup, change);
  await deleteBackups(storage, undefined, abort);
  return 'rolled-back';
}

/** What only the epochs say would be gone: also after a format that is older than the upgrade was put back. */
async function refuseLoss(
  migration: IndexMigration,
  abort: { signal?: AbortSignal },
): Promise<void> {
  const { added, changed } = await migration.compare(abort);
  if (added + changed === 0) return;
  throw new LongshoreError(
    'UNSUPPORTED',
    `${added + changed} contents were stored or changed since the indexes were migrated, and the old indexes do not ` +
      'have them: finish the upgrade with `repository upgrade begin`',
  );
}

function noUpgrade(): LongshoreError {
  return new LongshoreError('INVALID_ARGUMENT', 'no upgrade is in progress');
}

function noBackup(): CorruptDataError {
  return new CorruptDataError(
    'the copy of the format from before the upgrade is gone, so that there is no way back: finish the upgrade with ' +
      '`repository upgrade begin`',
  );
}
