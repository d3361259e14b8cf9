import {
  describeError,
  formatGoTime,
  hasDifferences,
  systemSleep,
  upgradeRepository,
  type UpgradeEvent,
  type UpgradeOutcome,
} from '@longshore/repo';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { duration, oneOf } from '../grammar/value-flags.ts';
import type { Log } from '../log.ts';
import { wholeSeconds } from '../output/parse-time.ts';
import { differencesText, withUpgrade } from './upgrade-run.ts';

const MINUTE = 60_000_000_000n;

const FLAGS = {
  'io-drain-timeout': duration('How long other clients may take to notice the upgrade.', {
    default: 15n * MINUTE,
  }),
  'allow-unsafe-upgrade': flag(
    'Accept a shorter time: right only while no other client uses the repository.',
    { hidden: true },
  ),
  'status-poll-interval': duration('How often to look whether the upgrade is still wanted.', {
    default: MINUTE,
  }),
  'max-permitted-clock-drift': duration('How far clocks may differ.', { default: 5n * MINUTE }),
  'lock-only': flag('Lock the repository and stop there.', { hidden: true }),
  'commit-mode': oneOf(['always', 'never'])(
    'Commit although the new index differs ("always"), or stop before ("never").',
    { hidden: true },
  ),
};

export const command: Command = defineCommand({
  summary: 'Bring the repository to the newest format version.',
  details:
    'Other clients are locked out meanwhile. Where indexes have to be moved (format version 1) it takes the time in which they notice, 35 minutes by default. An upgrade that was interrupted is begun again, or taken back with "rollback".',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    const { log } = context;
    await withUpgrade(context, async (environment) => {
      const outcome = await upgradeRepository({
        ...environment,
        sleep: systemSleep,
        ioDrainTimeout: flags['io-drain-timeout'],
        allowUnsafeTimings: flags['allow-unsafe-upgrade'],
        statusPollInterval: flags['status-poll-interval'],
        maxPermittedClockDrift: flags['max-permitted-clock-drift'],
        stopAfter: stageOf(flags),
        commitDifferences: flags['commit-mode'] === 'always',
        onEvent: (event) => report(log, event),
      });
      log.info(OUTCOMES[outcome]);
    });
  },
});

function stageOf(flags: FlagValues<typeof FLAGS>): 'lock' | 'validation' | undefined {
  if (flags['lock-only']) return 'lock';
  return flags['commit-mode'] === 'never' ? 'validation' : undefined;
}

const OUTCOMES: Readonly<Record<UpgradeOutcome, string>> = {
  'up-to-date': 'The repository has the newest format already.',
  locked: 'The repository stays locked. Go on with "repository upgrade begin".',
  validated: 'The commit is left out: the repository stays locked.',
  committed: 'The repository has been upgraded.',
};

function report(log: Log, event: UpgradeEvent): void {
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
