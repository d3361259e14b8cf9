import { maintainRepository } from '@longshore/snapshot';
import { createMaintenanceLock } from '@longshore/repo/node';
import { withWritableRepository } from '../connection/with-repository.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { flag } from '../grammar/flag.ts';
import { reportMaintenance } from '../maintenance/maintenance-report.ts';
import { SAFETY_FLAGS } from './safety-flags.ts';

export const command: Command = defineCommand({
  summary: 'Maintain the repository now.',
  details:
    'Quick maintenance keeps the indexes short. Full maintenance also finds what no snapshot needs and frees its space, over several runs with safe waiting times between.',
  flags: {
    full: flag('Full maintenance, due or not.'),
    ...SAFETY_FLAGS,
    'dry-run': flag('Say what would be done and why, and write nothing.', { short: 'n' }),
    force: flag('Run although another client owns maintenance.', { hidden: true }),
  },
  args: {},
  showsRequests: true,
  async run(context, { flags }) {
    const { log, signal } = context;
    const mode = flags.full ? 'full' : 'quick';
    const dryRun = flags['dry-run'];
    const { force, safety } = flags;
    await withWritableRepository(
      context,
      async ({ repository }) => {
        const { skipped } = await maintainRepository(repository, {
          mode,
          safety,
          force,
          dryRun,
          lock: createMaintenanceLock(context.configFile),
          signal,
          onEvent: reportMaintenance(log, { dryRun }),
        });
        if (skipped === 'already-running') {
          log.info('Maintenance is already running in another process of this client.');
        } else log.info(dryRun ? 'Nothing was changed.' : `Finished ${mode} maintenance.`);
      },
      { parallel: flags.full },
    );
  },
});
