import { abortOptions } from '../blob/storage.ts';
import type { IndexDifferences } from '../content/indexblob/compare-indexes.ts';
import { IndexMigration } from './migrate-indexes.ts';
import { isMigrating, type UpgradeEnvironment } from './upgrade-repository.ts';

/**
 * Compares the indexes that an upgrade has made with those that they were made of. Undefined if there is nothing
 * to compare: no upgrade has migrated indexes, or it was committed and they have gone their own way since.
 */
export async function validateUpgrade(
  environment: UpgradeEnvironment,
): Promise<IndexDifferences | undefined> {
  const { formatManager, storage, ownerID, clock, signal } = environment;
  const abort = abortOptions({ signal });
  await formatManager.refresh(abort);
  const isLocked = formatManager.upgradeLock !== undefined;
  if (!isLocked || !formatManager.current().epochParameters.enabled) return undefined;
  if (!(await isMigrating(formatManager, ownerID, { storage, clock, ...abort }))) return undefined;
  const migration = await IndexMigration.open(environment);
  return migration.compare(abort);
}
