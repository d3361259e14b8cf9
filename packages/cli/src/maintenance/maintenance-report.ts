import type { MaintenanceEvent, MaintenanceStatistics } from '@longshore/repo';
import type { Log } from '../log.ts';
import { formatBytes } from '../output/units.ts';

/**
 * Tells a log how maintenance goes. What is done to single blobs and contents is shown in a dry run only, else
 * it goes to the log file, as does everything about tasks if `isAutomatic`.
 */
export function reportMaintenance(
  log: Log,
  { dryRun = false, isAutomatic = false }: ReportOptions,
): (event: MaintenanceEvent) => void {
  const say = (text: string): void => (isAutomatic ? log.debug(text) : log.info(text));
  return (event) => {
    switch (event.type) {
      case 'started':
        log.info(
          dryRun
            ? `This is what ${event.mode} maintenance would do:`
            : `Running ${event.mode} maintenance...`,
        );
        return;
      case 'task-started':
        log.debug(`maintenance task ${event.task} begins`);
        return;
      case 'task-postponed':
        say(`${event.task}: put off, ${event.reason}`);
        return;
      case 'change': {
        const size = event.bytes === 0 ? '' : ` (${formatBytes(event.bytes)})`;
        const text = `${event.task}: ${event.action} ${event.id}${size}, because ${event.reason}`;
        if (dryRun) log.info(text);
        else log.debug(text);
        return;
      }
      case 'task-ended':
        say([event.task, statisticsText(event.statistics)].filter(Boolean).join(': '));
    }
  };
}

interface ReportOptions {
  readonly dryRun?: boolean;
  readonly isAutomatic?: boolean;
}

/** The figures of a task in words: `deleted blob count 3, deleted total size 12.5 MB`; empty if there are none. */
export function statisticsText(statistics: MaintenanceStatistics | undefined): string {
  const data = statistics?.data;
  if (typeof data !== 'object' || data === null) return '';
  return Object.entries(data)
    .map(([name, value]: [string, unknown]) => `${inWords(name)} ${figure(name, value)}`)
    .join(', ');
}

function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function figure(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('Size')) return formatBytes(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
