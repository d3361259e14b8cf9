import { formatGoTime, type EpochNanoseconds } from '../clock.ts';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import { FieldReader } from './field-reader.ts';

/** Announces that one client will have the repository for itself. Durations in nanoseconds. */
export interface UpgradeLock {
  readonly ownerID: string;
  readonly creationTime: EpochNanoseconds;
  /** 0: the lock holds at once. */
  readonly advanceNoticeDuration: bigint;
  readonly ioDrainTimeout: bigint;
  readonly statusPollInterval: bigint;
  readonly message: string;
  readonly maxPermittedClockDrift: bigint;
}

export interface UpgradeLockState {
  /** Nobody but the owner may use the repository. */
  readonly locked: boolean;
  /** Every client that plays by the rules has noticed. */
  readonly drained: boolean;
  readonly lockedFrom: EpochNanoseconds;
  readonly drainedFrom: EpochNanoseconds;
}

export function parseUpgradeLock(value: unknown, source: string): UpgradeLock {
  const fields = new FieldReader(value, source);
  const creationTime = fields.time('creationTime');
  if (creationTime === undefined) {
    throw new CorruptDataError(`${source}: no creationTime`, { field: 'creationTime' });
  }
  return {
    ownerID: fields.string('ownerID'),
    creationTime,
    advanceNoticeDuration: fields.int64('advanceNoticeDuration'),
    ioDrainTimeout: fields.int64('ioDrainTimeout'),
    statusPollInterval: fields.int64('statusPollInterval'),
    message: fields.string('message'),
    maxPermittedClockDrift: fields.int64('maxPermittedClockDrift'),
  };
}

/** The members in stored order, for `encodeGoJSON`; zero values but the time are left out. */
export function upgradeLockJSON(lock: UpgradeLock): Record<string, unknown> {
  return {
    ownerID: lock.ownerID || undefined,
    creationTime: formatGoTime(lock.creationTime),
    advanceNoticeDuration: lock.advanceNoticeDuration || undefined,
    ioDrainTimeout: lock.ioDrainTimeout || undefined,
    statusPollInterval: lock.statusPollInterval || undefined,
    message: lock.message || undefined,
    maxPermittedClockDrift: lock.maxPermittedClockDrift || undefined,
  };
}

/** How the lock stands at `now`. Source: docs/format/format-blob.md. */
export function evaluateUpgradeLock(lock: UpgradeLock, now: EpochNanoseconds): UpgradeLockState {
  const drain = lock.maxPermittedClockDrift + 2n * lock.ioDrainTimeout;
  const notice = lock.advanceNoticeDuration;
  const lockedFrom = notice < drain ? lock.creationTime : lock.creationTime + notice - drain;
  const drainedFrom = lock.creationTime + (notice > drain ? notice : drain);
  return {
    // Too short a notice locks at once, even for a client whose clock is behind the creation time.
    locked: notice < drain || now >= lockedFrom,
    drained: now >= drainedFrom,
    lockedFrom,
    drainedFrom,
  };
}

/** REPOSITORY_LOCKED if the lock keeps everybody but `ownerID` out at `now`. */
export function refuseLocked(
  lock: UpgradeLock | undefined,
  now: EpochNanoseconds,
  ownerID: string | undefined,
): void {
  if (lock === undefined || (ownerID !== undefined && lock.ownerID === ownerID)) return;
  const { locked, lockedFrom, drainedFrom } = evaluateUpgradeLock(lock, now);
  if (!locked) return;
  const reason = lock.message === '' ? '' : ` (${lock.message})`;
  throw new LongshoreError(
    'REPOSITORY_LOCKED',
    `the repository is locked for an upgrade by ${lock.ownerID} since ${formatGoTime(lockedFrom)}${reason}; ` +
      `other clients are expected to be gone at ${formatGoTime(drainedFrom)}. Try again when the upgrade is ` +
      'finished. If its owner is gone for good, undo it with `repository upgrade rollback --force ' +
      `--upgrade-owner-id=${lock.ownerID}\``,
  );
}
