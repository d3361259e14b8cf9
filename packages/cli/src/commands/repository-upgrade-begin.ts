import { systemSleep, upgradeRepository } from '@longshore/repo';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag, type FlagValues } from '../grammar/flag.ts';
import { duration, oneOf } from '../grammar/value-flags.ts';
import { reportUpgrade, UPGRADE_OUTCOMES, withUpgrade } from './upgrade-run.ts';

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
        onEvent: (event) => reportUpgrade(log, event),
      });
      log.info(UPGRADE_OUTCOMES[outcome]);
    });
  },
});

function stageOf(flags: FlagValues<typeof FLAGS>): 'lock' | 'validation' | undefined {
  if (flags['lock-only']) return 'lock';
  return flags['commit-mode'] === 'never' ? 'validation' : undefined;
}
