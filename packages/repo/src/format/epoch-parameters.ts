import { LongshoreError } from '../errors.ts';
import { FieldReader } from './field-reader.ts';
import type { EpochParameters } from './parameters.ts';

const MINUTE = 60_000_000_000n;
const HOUR = 60n * MINUTE;

/** What new repositories of version 2 and 3 start with. Source: docs/format/format-blob.md. */
export const DEFAULT_EPOCH_PARAMETERS: EpochParameters = {
  enabled: true,
  epochRefreshFrequency: 20n * MINUTE,
  fullCheckpointFrequency: 7,
  cleanupSafetyMargin: 4n * HOUR,
  minEpochDuration: 24n * HOUR,
  epochAdvanceOnCountThreshold: 20,
  epochAdvanceOnTotalSizeBytesThreshold: 10 * 1024 * 1024,
  deleteParallelism: 4,
};

/** What a repository of version 1 stores: legacy index blobs, everything else zero. */
export const DISABLED_EPOCH_PARAMETERS: EpochParameters = {
  enabled: false,
  epochRefreshFrequency: 0n,
  fullCheckpointFrequency: 0,
  cleanupSafetyMargin: 0n,
  minEpochDuration: 0n,
  epochAdvanceOnCountThreshold: 0,
  epochAdvanceOnTotalSizeBytesThreshold: 0,
  deleteParallelism: 0,
};

const MIN_EPOCH_DURATION = 10n * MINUTE;
const MIN_COUNT_THRESHOLD = 10;
const MIN_SIZE_THRESHOLD_BYTES = 1024 * 1024;
/** Refreshes that must fit into an epoch and into the safety margin. */
const REFRESHES = 3n;

/** The least that an epoch may last for clients that refresh as often as the parameters say. */
export function shortestEpochDuration({ epochRefreshFrequency }: EpochParameters): bigint {
  const refreshes = epochRefreshFrequency * REFRESHES;
  return refreshes > MIN_EPOCH_DURATION ? refreshes : MIN_EPOCH_DURATION;
}

/** Parameters that Kopia would refuse are INVALID_ARGUMENT naming the rule. Disabled ones are not checked. */
export function validateEpochParameters(parameters: EpochParameters): void {
  if (!parameters.enabled) return;
  const refreshes = parameters.epochRefreshFrequency * REFRESHES;
  const rules: readonly [boolean, string][] = [
    [parameters.epochRefreshFrequency > 0n, 'the epoch refresh frequency must be positive'],
    [
      parameters.minEpochDuration >= MIN_EPOCH_DURATION,
      'the minimum epoch duration must be at least 10 minutes',
    ],
    [
      refreshes <= parameters.minEpochDuration,
      'the minimum epoch duration must be at least three times the epoch refresh frequency',
    ],
    [parameters.fullCheckpointFrequency > 0, 'the full checkpoint frequency must be positive'],
    [
      parameters.cleanupSafetyMargin >= refreshes,
      'the cleanup safety margin must be at least three times the epoch refresh frequency',
    ],
    [
      parameters.epochAdvanceOnCountThreshold >= MIN_COUNT_THRESHOLD,
      `epochs must not advance on fewer than ${MIN_COUNT_THRESHOLD} index blobs`,
    ],
    [
      parameters.epochAdvanceOnTotalSizeBytesThreshold >= MIN_SIZE_THRESHOLD_BYTES,
      'epochs must not advance on less than 1 MiB of index blobs',
    ],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken !== undefined) throw new LongshoreError('INVALID_ARGUMENT', broken[1]);
}

/** Missing members are zero, as in Go. */
export function parseEpochParameters(value: unknown, source: string): EpochParameters {
  const fields = new FieldReader(value ?? {}, source);
  return {
    enabled: fields.boolean('Enabled'),
    epochRefreshFrequency: fields.int64('EpochRefreshFrequency'),
    fullCheckpointFrequency: fields.integer('FullCheckpointFrequency'),
    cleanupSafetyMargin: fields.int64('CleanupSafetyMargin'),
    minEpochDuration: fields.int64('MinEpochDuration'),
    epochAdvanceOnCountThreshold: fields.integer('EpochAdvanceOnCountThreshold'),
    epochAdvanceOnTotalSizeBytesThreshold: fields.integer('EpochAdvanceOnTotalSizeBytesThreshold'),
    deleteParallelism: fields.integer('DeleteParallelism'),
  };
}

/** The members in stored order, for `encodeGoJSON`. */
export function epochParametersJSON(parameters: EpochParameters): Record<string, unknown> {
  return {
    Enabled: parameters.enabled,
    EpochRefreshFrequency: parameters.epochRefreshFrequency,
    FullCheckpointFrequency: parameters.fullCheckpointFrequency,
    CleanupSafetyMargin: parameters.cleanupSafetyMargin,
    MinEpochDuration: parameters.minEpochDuration,
    EpochAdvanceOnCountThreshold: parameters.epochAdvanceOnCountThreshold,
    EpochAdvanceOnTotalSizeBytesThreshold: parameters.epochAdvanceOnTotalSizeBytesThreshold,
    DeleteParallelism: parameters.deleteParallelism,
  };
}
