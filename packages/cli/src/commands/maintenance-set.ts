import {
  checkLockExtension,
  loadMaintenanceParameters,
  loadSchedule,
  MAINTENANCE_LABELS,
  maintenanceIdentity,
  maintenanceParametersJSON,
  storeSchedule,
  writeSession,
  type EpochNanoseconds,
  type MaintenanceParameters,
  type MaintenanceSchedule,
  type OpenWritableRepository,
} from '@longshore/repo';
import { withWritableRepository } from '../connection/with-repository.ts';
import type { CommandContext } from '../context.ts';
import { defineCommand, type Command } from '../grammar/command.ts';
import { listFlag, parseBoolean, type FlagValues } from '../grammar/flag.ts';
import { formatGoDuration } from '../grammar/go-duration.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { duration, integer, text } from '../grammar/value-flags.ts';
import { formatBytes } from '../output/units.ts';

const MEBIBYTE = 2 ** 20;
const CYCLES = ['quick', 'full'] as const;

const onOrOff = listFlag(parseBoolean);

const FLAGS = {
  owner: text('Who runs maintenance: user@host, or "me".'),
  'enable-quick': onOrOff('Whether quick maintenance is scheduled.', { placeholder: 'BOOL' }),
  'enable-full': onOrOff('Whether full maintenance is scheduled.', { placeholder: 'BOOL' }),
  'quick-interval': duration('Time between two quick maintenances.'),
  'full-interval': duration('Time between two full maintenances.'),
  'pause-quick': duration('No quick maintenance for so long.'),
  'pause-full': duration('No full maintenance for so long.'),
  'max-retained-log-count': integer('Logs that are kept in the repository.'),
  'max-retained-log-age': duration('How long logs are kept in the repository.'),
  'max-retained-log-size-mb': integer('MiB of logs that are kept in the repository.'),
  'extend-object-locks': onOrOff('Whether full maintenance extends object locks.', {
    placeholder: 'BOOL',
  }),
  'list-parallelism': integer('Listings at once; 0: as the client does by itself.'),
};

type SetFlags = FlagValues<typeof FLAGS>;

export const command: Command = defineCommand({
  summary: 'Change who maintains the repository, and how often.',
  flags: FLAGS,
  args: {},
  async run(context, { flags }) {
    checkFlags(flags);
    const { signal, log } = context;
    await withWritableRepository(context, async ({ repository }) => {
      const { formatManager, storage, clock } = repository;
      const parameters = await loadMaintenanceParameters(repository, { signal });
      const schedule = await loadSchedule(storage, formatManager, { signal });
      const changed = changeParameters(context, parameters, flags, maintenanceIdentity(repository));
      const planned = pause(context, schedule, flags, clock());
      if (changed === parameters && planned === schedule) {
        throw new UsageError('no change was asked for');
      }
      checkLockExtension(changed, formatManager.blobConfiguration);
      if (changed.extendObjectLocks && !changed.full.enabled) {
        log.warning('Object locks are only extended by full maintenance, which is not scheduled.');
      }
      if (changed !== parameters) await storeParameters(repository, changed, signal);
      if (planned !== schedule) await storeSchedule(storage, formatManager, planned, { signal });
      log.debug('maintenance parameters stored');
    });
  },
});

function checkFlags(flags: SetFlags): void {
  for (const cycle of CYCLES) {
    const interval = flags[`${cycle}-interval`];
    if (interval !== undefined && interval <= 0n) {
      throw new UsageError(`--${cycle}-interval must be positive`);
    }
    if ((flags[`pause-${cycle}`] ?? 0n) < 0n) {
      throw new UsageError(`--pause-${cycle} must not be negative`);
    }
  }
  const counts = [
    'max-retained-log-count',
    'max-retained-log-size-mb',
    'list-parallelism',
  ] as const;
  for (const name of counts) {
    if ((flags[name] ?? 0) < 0) throw new UsageError(`--${name} must not be negative`);
  }
  if ((flags['max-retained-log-age'] ?? 0n) < 0n) {
    throw new UsageError('--max-retained-log-age must not be negative');
  }
}

function changeParameters(
  { log }: CommandContext,
  before: MaintenanceParameters,
  flags: SetFlags,
  me: string,
): MaintenanceParameters {
  let parameters = before;
  if (flags.owner !== undefined && flags.owner !== '') {
    const owner = flags.owner === 'me' ? me : flags.owner;
    parameters = { ...parameters, owner };
    log.info(`Maintenance now belongs to ${owner}.`);
  }
  for (const cycle of CYCLES) {
    const enabled = flags[`enable-${cycle}`].at(-1);
    if (enabled !== undefined) {
      parameters = { ...parameters, [cycle]: { ...parameters[cycle], enabled } };
      log.info(`Scheduled ${cycle} maintenance is now ${enabled ? 'on' : 'off'}.`);
    }
    const intervalNanoseconds = flags[`${cycle}-interval`];
    if (intervalNanoseconds !== undefined) {
      parameters = { ...parameters, [cycle]: { ...parameters[cycle], intervalNanoseconds } };
      log.info(`Every ${formatGoDuration(intervalNanoseconds)} now: ${cycle} maintenance.`);
    }
  }
  parameters = changeLogRetention(log, parameters, flags);
  const extendObjectLocks = flags['extend-object-locks'].at(-1);
  if (extendObjectLocks !== undefined) {
    parameters = { ...parameters, extendObjectLocks };
    log.info(`Extension of object locks is now ${extendObjectLocks ? 'on' : 'off'}.`);
  }
  const listParallelism = flags['list-parallelism'];
  if (listParallelism !== undefined) {
    parameters = { ...parameters, listParallelism };
    log.info(`Listings at once: ${listParallelism}.`);
  }
  return parameters;
}

function changeLogRetention(
  log: CommandContext['log'],
  parameters: MaintenanceParameters,
  flags: SetFlags,
): MaintenanceParameters {
  const maxCount = flags['max-retained-log-count'];
  const maxAgeNanoseconds = flags['max-retained-log-age'];
  const megabytes = flags['max-retained-log-size-mb'];
  if (maxCount === undefined && maxAgeNanoseconds === undefined && megabytes === undefined) {
    return parameters;
  }
  const before = parameters.logRetention;
  const logRetention = {
    maxCount: maxCount ?? before.maxCount,
    maxAgeNanoseconds: maxAgeNanoseconds ?? before.maxAgeNanoseconds,
    maxTotalSize: megabytes === undefined ? before.maxTotalSize : megabytes * MEBIBYTE,
  };
  log.info(
    `Logs that are kept: ${logRetention.maxCount}, ${formatBytes(logRetention.maxTotalSize)}, ` +
      `none older than ${formatGoDuration(logRetention.maxAgeNanoseconds)}.`,
  );
  return { ...parameters, logRetention };
}

function pause(
  { log, times }: CommandContext,
  before: MaintenanceSchedule,
  flags: SetFlags,
  now: EpochNanoseconds,
): MaintenanceSchedule {
  let schedule = before;
  const { 'pause-quick': quick, 'pause-full': full } = flags;
  if (quick !== undefined) {
    schedule = { ...schedule, nextQuickMaintenance: now + quick };
    log.info(`No quick maintenance until ${times.show(now + quick)}.`);
  }
  if (full !== undefined) {
    schedule = { ...schedule, nextFullMaintenance: now + full };
    log.info(`No full maintenance until ${times.show(now + full)}.`);
  }
  return schedule;
}

async function storeParameters(
  repository: OpenWritableRepository,
  parameters: MaintenanceParameters,
  signal: AbortSignal,
): Promise<void> {
  await writeSession(repository, { signal }, async (writer) => {
    await writer.replaceManifests(MAINTENANCE_LABELS, maintenanceParametersJSON(parameters));
  });
}
