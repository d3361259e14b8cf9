import { FieldReader } from '../format/field-reader.ts';
import type { Labels } from '../repository-contract.ts';

/** Labels of the manifest that holds the parameters. */
export const MAINTENANCE_LABELS: Labels = { type: 'maintenance' };

export interface MaintenanceCycle {
  readonly enabled: boolean;
  readonly intervalNanoseconds: bigint;
}

export interface LogRetention {
  /** Bytes. */
  readonly maxTotalSize: number;
  readonly maxCount: number;
  readonly maxAgeNanoseconds: bigint;
}

/** Who maintains the repository and how often. Source: docs/format/maintenance-schedule.md. */
export interface MaintenanceParameters {
  /** `user@host` of the only client that runs maintenance; empty if nobody is named. */
  readonly owner: string;
  readonly quick: MaintenanceCycle;
  readonly full: MaintenanceCycle;
  readonly logRetention: LogRetention;
  readonly extendObjectLocks: boolean;
  /** Listings at once; 0 leaves it to the client. */
  readonly listParallelism: number;
}

const HOUR = 3_600_000_000_000n;

const DEFAULT_LOG_RETENTION: LogRetention = {
  maxTotalSize: 2 ** 30,
  maxCount: 10_000,
  maxAgeNanoseconds: 30n * 24n * HOUR,
};

/** What a new repository gets, and what one without the manifest has with an empty owner. */
export function defaultMaintenanceParameters(owner: string): MaintenanceParameters {
  return {
    owner,
    quick: { enabled: true, intervalNanoseconds: HOUR },
    full: { enabled: true, intervalNanoseconds: 24n * HOUR },
    logRetention: DEFAULT_LOG_RETENTION,
    extendObjectLocks: false,
    listParallelism: 0,
  };
}

/** Reads a manifest's payload. A log retention of zeros only means the defaults. CORRUPT_DATA for wrong types. */
export function parseMaintenanceParameters(payload: unknown): MaintenanceParameters {
  const fields = new FieldReader(payload, 'maintenance parameters');
  return {
    owner: fields.string('owner'),
    quick: parseCycle(fields.object('quick')),
    full: parseCycle(fields.object('full')),
    logRetention: parseLogRetention(fields.object('logRetention')),
    extendObjectLocks: fields.boolean('extendObjectLocks'),
    listParallelism: fields.integer('listParallelism'),
  };
}

function parseCycle(fields: FieldReader): MaintenanceCycle {
  return { enabled: fields.boolean('enabled'), intervalNanoseconds: fields.int64('interval') };
}

function parseLogRetention(fields: FieldReader): LogRetention {
  const maxTotalSize = fields.integer('maxTotalSize');
  const maxCount = fields.integer('maxCount');
  const maxAgeNanoseconds = fields.int64('maxAge');
  const isUnset = maxTotalSize === 0 && maxCount === 0 && maxAgeNanoseconds === 0n;
  return isUnset ? DEFAULT_LOG_RETENTION : { maxTotalSize, maxCount, maxAgeNanoseconds };
}

/** The payload with its keys in stored order, for the manifest store. */
export function maintenanceParametersJSON(parameters: MaintenanceParameters): object {
  const { owner, quick, full, logRetention, extendObjectLocks, listParallelism } = parameters;
  return {
    owner,
    quick: cycleJSON(quick),
    full: cycleJSON(full),
    logRetention: {
      maxTotalSize: logRetention.maxTotalSize,
      maxCount: logRetention.maxCount,
      maxAge: logRetention.maxAgeNanoseconds,
    },
    extendObjectLocks,
    listParallelism,
  };
}

function cycleJSON({ enabled, intervalNanoseconds }: MaintenanceCycle): object {
  return { enabled, interval: intervalNanoseconds };
}
