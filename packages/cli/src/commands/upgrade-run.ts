import {
  createSystemClock,
  webRandomSource,
  type IndexDifferences,
  type UpgradeEnvironment,
} from '@longshore/repo';
import { createMaintenanceLock } from '@longshore/repo/node';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import type { ConnectionConfig } from '../config/connection-config.ts';
import { withFormat } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../grammar/usage-error.ts';

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
