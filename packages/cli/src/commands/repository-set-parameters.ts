import {
  checkLockExtension,
  createSystemClock,
  loadMaintenanceParameters,
  setParameters,
  systemSleep,
  upgradeRepository,
  type BlobRetention,
  type ParameterChanges,
} from '@longshore/repo';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, text } from '../grammar/value-flags.ts';
import { changedRetention, RETENTION_FLAGS } from './retention-flags.ts';
import { reportUpgrade, UPGRADE_OUTCOMES, withUpgrade } from './upgrade-run.ts';

const MEBIBYTE = 2 ** 20;

const FLAGS = {
  'max-pack-size-mb': integer('Size of pack blobs, 10 to 120 MiB.', { placeholder: 'MB' }),
  'index-version': integer('Version of new indexes.'),
  ...RETENTION_FLAGS,
  'epoch-refresh-frequency': duration('How often clients look at epochs.'),
  'epoch-min-duration': duration('How long an epoch lasts at least.'),
  'epoch-cleanup-safety-margin': duration('How long superseded indexes are kept.'),
  'epoch-advance-on-count': integer('Index blobs that end an epoch.'),
  'epoch-advance-on-size-mb': integer('MiB of index blobs that end an epoch.'),
  'epoch-delete-parallelism': integer('Index blobs deleted at once.'),
  'epoch-checkpoint-frequency': integer('Epochs that one range of indexes covers.', {
    placeholder: 'EPOCHS',
  }),
  'add-required-feature': text('Only clients with this feature may use the repository.', {
    hidden: true,
  }),
  'remove-required-feature': text('Clients need this feature no more.', { hidden: true }),
  'warn-on-missing-required-feature': flag('Clients without the added feature are only warned.', {
    hidden: true,
  }),
  upgrade: flag(
    'Move the indexes to epochs, and bring the repository to format version 2 at least.',
  ),
};

export const command: Command = defineCommand({
  summary: 'Change parameters of the repository.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    if (flags.upgrade) {
      await upgrade(context);
      if (!asksForMore(flags)) return;
    }
    await withWritableRepository(context, async ({ repository, storage, config }) => {
      const { blobConfiguration: current } = repository.formatManager;
      const changes = changesOf(flags, current);
      if (Object.keys(changes).length === 0) {
        context.log.info('No change was asked for.');
        return;
      }
      if (changes.retention !== undefined) {
        const parameters = await loadMaintenanceParameters(repository, { signal: context.signal });
        checkLockExtension(parameters, changes.retention);
      }
      const changed = await setParameters(repository.formatManager, changes, {
        storage,
        clock: createSystemClock(),
        signal: context.signal,
      });
      forgetKopiaFormatCache(config.caching);
      context.log.info(
        changed
          ? 'The parameters have been changed. Other clients see it within 15 minutes.'
          : 'The repository has these parameters already.',
      );
    });
  },
});

/**
 * As Kopia does it, without the wait of "repository upgrade" unless a writer is seen; but under the lock of an upgrade,
 * and compared before it counts.
 */
async function upgrade(context: CommandContext): Promise<void> {
  const { log } = context;
  await withUpgrade(context, async (environment) => {
    const outcome = await upgradeRepository({
      ...environment,
      sleep: systemSleep,
      targetVersion: 2,
      waitsForWritersOnly: true,
      onEvent: (event) => reportUpgrade(log, event),
    });
    const isDone = outcome === 'up-to-date';
    log.info(isDone ? 'The repository has that format already.' : UPGRADE_OUTCOMES[outcome]);
    if (outcome !== 'committed') return;
    log.warning(
      'Disconnect all other clients and connect them again: one that is open may not notice for 15 minutes, and what it writes until then nobody would read.',
    );
  });
}

function asksForMore(flags: FlagValues<typeof FLAGS>): boolean {
  return Object.entries(flags).some(
    ([name, value]) => name !== 'upgrade' && value !== undefined && value !== false,
  );
}

function changesOf(
  flags: FlagValues<typeof FLAGS>,
  current: BlobRetention | undefined,
): ParameterChanges {
  const retention = changedRetention(flags, current);
  const epochParameters = epochChanges(flags);
  const added = flags['add-required-feature'];
  const removed = flags['remove-required-feature'];
  const indexVersion = flags['index-version'];
  if (indexVersion !== undefined && indexVersion !== 1 && indexVersion !== 2) {
    throw new UsageError(`--index-version must be 1 or 2, not ${indexVersion}`);
  }
  return {
    ...(flags['max-pack-size-mb'] === undefined
      ? {}
      : { maxPackSize: flags['max-pack-size-mb'] * MEBIBYTE }),
    ...(indexVersion === undefined ? {} : { indexVersion }),
    ...(retention === undefined ? {} : { retention: retention === 'none' ? undefined : retention }),
    ...(Object.keys(epochParameters).length === 0 ? {} : { epochParameters }),
    ...(added === undefined
      ? {}
      : {
          addRequiredFeatures: [
            {
              feature: added,
              ifNotUnderstood: { warn: flags['warn-on-missing-required-feature'] },
            },
          ],
        }),
    ...(removed === undefined ? {} : { removeRequiredFeatures: [removed] }),
  };
}

function epochChanges(
  flags: FlagValues<typeof FLAGS>,
): NonNullable<ParameterChanges['epochParameters']> {
  const sizeMB = flags['epoch-advance-on-size-mb'];
  const changes = {
    epochRefreshFrequency: flags['epoch-refresh-frequency'],
    minEpochDuration: flags['epoch-min-duration'],
    cleanupSafetyMargin: flags['epoch-cleanup-safety-margin'],
    epochAdvanceOnCountThreshold: flags['epoch-advance-on-count'],
    epochAdvanceOnTotalSizeBytesThreshold: sizeMB === undefined ? undefined : sizeMB * MEBIBYTE,
    deleteParallelism: flags['epoch-delete-parallelism'],
    fullCheckpointFrequency: flags['epoch-checkpoint-frequency'],
  };
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
