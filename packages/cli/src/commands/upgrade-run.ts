import {
  createSystemClock,
  describeError,
  formatGoTime,
  hasDifferences,
  webRandomSource,
  type IndexDifferences,
  type UpgradeEnvironment,
  type UpgradeEvent,
  type UpgradeOutcome,
} from '@longshore/repo';
import { createMaintenanceLock } from '@longshore/repo/node';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import type { ConnectionConfig } from '../config/connection-config.ts';
import { withFormat } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import type { Log } from '../log.ts';
import { wholeSeconds } from '../output/parse-time.ts';

/** Opens what the parts of an upgrade work with. Only one process of a client does so at a time. */
export function withUpgrade<T>(
  context: CommandContext,
  work: (environment: UpgradeEnvironment) => Promise<T>,
): Promise<T> {
  return withFormat(
    context,
    async ({ storage, formatManager, config }) => {
      const held = await createMaintenanceLock(context.configFile).tryAcquire();
      if (held === undefined) {
        throw new UsageError(
          'maintenance or an upgrade is running in another process of this client: wait for it to end',
        );
      }
      await using _ = held;
      try {
        return await work({
          storage,
          formatManager,
          ownerID: ownerOf(context, config),
          clock: createSystemClock(),
          random: webRandomSource,
          signal: context.signal,
        });
      } finally {
        forgetKopiaFormatCache(config.caching);
      }
    },
    { writes: true, upgradeOwnerID: (config) => ownerOf(context, config) },
  );
}

function ownerOf({ flags }: CommandContext, { client }: ConnectionConfig): string {
  return flags['upgrade-owner-id'] ?? `${client.username}@${client.hostname}`;
}

/** `1234 entries, all as they were`, or how many are not. */
export function differencesText(differences: IndexDifferences): string {
  const { entryCount, missing, added, changed, examples } = differences;
  if (missing + added + changed === 0) return `${entryCount} entries, all as they were`;
  return (
    `${entryCount} entries, of which ${missing} are missing and ${changed} differ, and ${added} more than before: ` +
    examples.join(', ')
  );
}

export const UPGRADE_OUTCOMES: Readonly<Record<UpgradeOutcome, string>> = {
  'up-to-date': 'The repository has the newest format already.',
  locked: 'The repository stays locked. Go on with "repository upgrade begin".',
  validated: 'The commit is left out: the repository stays locked.',
  committed: 'The repository has been upgraded.',
};

export function reportUpgrade(log: Log, event: UpgradeEvent): void {
  switch (event.type) {
    case 'locked':
      log.info(
        event.resumed
          ? `Going on with the upgrade that ${event.lock.ownerID} began at ${formatGoTime(event.lock.creationTime)}.`
          : `The repository is locked by ${event.lock.ownerID}.`,
      );
      return;
    case 'draining':
      log.info(
        `Waiting for ${formatGoDuration(wholeSeconds(event.until - event.now))} until every other client has noticed...`,
      );
      return;
    case 'drained':
      log.info('No other client uses the repository any more. Moving the indexes...');
      return;
    case 'migrated':
      log.info(`${event.inputs} index blobs have become ${event.outputs}.`);
      return;
    case 'validated': {
      const text = `Compared the new index with the old one: ${differencesText(event.differences)}.`;
      if (hasDifferences(event.differences)) log.warning(text);
      else log.info(text);
      return;
    }
    case 'backup-kept':
      log.warning(
        `The copy of the old format could not be deleted, which does no harm: ${describeError(event.error)}`,
      );
      return;
    case 'committed':
  }
}
