import {
  encodeSchedule,
  GoRawJSON,
  loadMaintenanceParameters,
  loadSchedule,
  maintenanceParametersJSON,
  type EpochNanoseconds,
  type MaintenanceParameters,
  type MaintenanceRun,
  type MaintenanceSchedule,
} from '@longshore/repo';
import { withRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { JSON_FLAGS } from '../grammar/value-flags.ts';
import { statisticsText } from '../maintenance/maintenance-report.ts';
import { printJSON } from '../output/json-output.ts';
import { wholeSeconds } from '../output/parse-time.ts';
import { formatBytes } from '../output/units.ts';

export const command: Command = defineCommand({
  summary: 'Show who maintains the repository, how often, and how the last runs went.',
  flags: JSON_FLAGS,
  args: {},
  async run(context, { flags }) {
    const { signal } = context;
    await withRepository(context, async ({ repository, storage }) => {
      const parameters = await loadMaintenanceParameters(repository, { signal });
      const schedule = await loadSchedule(storage, repository.formatManager, { signal });
      if (flags.json) {
        const stored = new GoRawJSON(new TextDecoder().decode(encodeSchedule(schedule)).trim());
        printJSON(context, flags, { ...maintenanceParametersJSON(parameters), schedule: stored });
      } else {
        const lines = infoLines(context, parameters, schedule, repository.clock());
        context.print(`${lines.join('\n')}\n`);
      }
    });
  },
});

function infoLines(
  context: CommandContext,
  parameters: MaintenanceParameters,
  schedule: MaintenanceSchedule,
  now: EpochNanoseconds,
): readonly string[] {
  const { owner, quick, full, logRetention, extendObjectLocks, listParallelism } = parameters;
  const cycle = ({ enabled, intervalNanoseconds }: typeof quick, next = now): string[] => [
    `  scheduled: ${enabled}`,
    ...(enabled
      ? [
          `  interval: ${formatGoDuration(intervalNanoseconds)}`,
          next > now
            ? `  next run: ${context.times.show(next)} (in ${formatGoDuration(wholeSeconds(next - now))})`
            : '  next run: now',
        ]
      : []),
  ];
  return [
    `Owner: ${owner}`,
    'Quick Cycle:',
    ...cycle(quick, schedule.nextQuickMaintenance),
    'Full Cycle:',
    ...cycle(full, schedule.nextFullMaintenance),
    'Log Retention:',
    `  max count:       ${logRetention.maxCount}`,
    `  max age of logs: ${formatGoDuration(logRetention.maxAgeNanoseconds)}`,
    `  max total size:  ${formatBytes(logRetention.maxTotalSize)}`,
    `Object Lock Extension: ${extendObjectLocks ? 'enabled' : 'disabled'}`,
    ...(listParallelism === 0 ? [] : [`List parallelism: ${listParallelism}`]),
    'Recent Maintenance Runs:',
    ...Array.from(schedule.runs).flatMap(([task, runs]) => [
      `  ${task}:`,
      ...runs.map((run) => `    ${runLine(context, run)}`),
    ]),
  ];
}

function runLine({ times }: CommandContext, run: MaintenanceRun): string {
  const took = formatGoDuration(wholeSeconds(run.end - run.start));
  const figures = run.extra.map(statisticsText).filter((text) => text !== '');
  const outcome = run.success ? ['SUCCESS', ...figures].join(': ') : `ERROR: ${run.error}`;
  return `${times.show(run.start)} (${took}) ${outcome}`;
}
