import {
  checkLockExtension,
  createSystemClock,
  loadMaintenanceParameters,
  setParameters,
  type BlobRetention,
  type ParameterChanges,
} from '@longshore/repo';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, refusedFlag, type FlagValues } from '../grammar/flag.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, text } from '../grammar/value-flags.ts';
import { changedRetention, RETENTION_FLAGS } from './retention-flags.ts';

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
  upgrade: refusedFlag({ isBoolean: true }),
};

export const command: Command = defineCommand({
  summary: 'Change parameters of the repository.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    await withWritableRepository(context, async ({ repository, storage, config }) => {
      const { blobConfiguration: current } = repository.formatManager;
      const changes = changesOf(flags, current);
      if (Object.keys(changes).length === 0) throw new UsageError('no change was asked for');
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
