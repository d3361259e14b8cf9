import { describeError, type OpenWritableRepository } from '@longshore/repo';
import type { CommandContext } from '../context.ts';
import { failureLine } from '../failure-line.ts';
import { reportMaintenance } from './maintenance-report.ts';

/**
 * Maintenance that is due, if this client owns it: what commands do that change snapshots, after they are done.
 * Its failure is a warning: the command has succeeded, and the next run goes on from there.
 */
export async function maintainIfDue(
  context: CommandContext,
  repository: OpenWritableRepository,
): Promise<void> {
  const { flags, log, stopSignal } = context;
  if (!flags['auto-maintenance'] || stopSignal.aborted) return;
  try {
    const [{ maintainRepository }, { createMaintenanceLock }] = await Promise.all([
      import('@longshore/snapshot'),
      import('@longshore/repo/node'),
    ]);
    const { skipped } = await maintainRepository(repository, {
      mode: 'auto',
      lock: createMaintenanceLock(context.configFile),
      signal: AbortSignal.any([context.signal, stopSignal]),
      onEvent: reportMaintenance(log, { isAutomatic: true }),
    });
    if (skipped !== undefined) log.debug(`no automatic maintenance: ${skipped}`);
  } catch (error) {
    if (stopSignal.aborted || context.signal.aborted) {
      log.warning('Maintenance was interrupted; the next one goes on from there.');
      return;
    }
    log.warning(`Maintenance failed, the snapshots are not affected: ${failureLine(error)}`);
    log.debug(error instanceof Error ? (error.stack ?? '') : describeError(error));
  }
}
