import { abortOptions, type AbortOptions, type BlobStorage } from '../blob/storage.ts';
import {
  formatGoTime,
  NANOSECONDS_PER_MILLISECOND,
  NANOSECONDS_PER_SECOND,
  type Clock,
  type EpochNanoseconds,
  type RandomSource,
  type Sleep,
} from '../clock.ts';
import { SESSION_MARKER_PREFIX } from '../content/write-session.ts';
import { hasDifferences, type IndexDifferences } from '../content/indexblob/compare-indexes.ts';
import {
  hasLegacyPoison,
  LEGACY_POISON_BLOB_ID,
  putLegacyPoison,
} from '../content/indexblob/legacy-poison.ts';
import { LongshoreError } from '../errors.ts';
import type { ChangeFormatOptions } from '../format/change-format.ts';
import { DEFAULT_EPOCH_PARAMETERS } from '../format/epoch-parameters.ts';
import type { FormatManager } from '../format/format-manager.ts';
import { formatGoDuration } from '../format/go-duration.ts';
import type { FormatVersion } from '../format/parameters.ts';
import { withRetention } from '../format/retaining-storage.ts';
import {
  backUpFormat,
  backupBlobID,
  deleteBackups,
  readBackup,
  storeFormatChanges,
} from '../format/upgrade-format.ts';
import { evaluateUpgradeLock, type UpgradeLock } from '../format/upgrade-lock.ts';
import { IndexMigration } from './migrate-indexes.ts';
import { OwnLock, takenBack } from './own-lock.ts';

const LATEST_VERSION: FormatVersion = 3;

/** How long a client may go on by an outdated view of the format, which the drain waits for twice. */
const MIN_DRAIN_TIMEOUT: EpochNanoseconds = 900n * NANOSECONDS_PER_SECOND;
const DEFAULT_POLL_INTERVAL: EpochNanoseconds = 60n * NANOSECONDS_PER_SECOND;
const DEFAULT_CLOCK_DRIFT: EpochNanoseconds = 300n * NANOSECONDS_PER_SECOND;

/** What all parts of an upgrade work with. */
export interface UpgradeEnvironment extends AbortOptions {
  readonly storage: BlobStorage;
  /** Opened with `upgradeOwnerID`. */
  readonly formatManager: FormatManager;
  /** Names who upgrades: only who says the same name goes on with it, or takes it back. */
  readonly ownerID: string;
  readonly clock: Clock;
  readonly random: RandomSource;
}

export interface UpgradeOptions extends UpgradeEnvironment {
  readonly sleep: Sleep;
  /** Nanoseconds in which every client notices the lock; default 15 minutes, and not less. */
  readonly ioDrainTimeout?: bigint;
  /** Accept a shorter one: right only if no other client uses the repository. */
  readonly allowUnsafeTimings?: boolean;
  /** Nanoseconds between two looks at the lock. Default one minute. */
  readonly statusPollInterval?: bigint;
  /** Nanoseconds by which clocks may differ. Default five minutes. */
  readonly maxPermittedClockDrift?: bigint;
  /** Format version that is enough; default and most: 3. One that is higher stays. */
  readonly targetVersion?: 2 | 3;
  /**
   * Wait for other clients only if the storage shows that one is writing: a session has a marker. One that is open and
   * begins to write before it notices the lock is not waited for then.
   */
  readonly waitsForWritersOnly?: boolean;
  /** Stop, still locked, once the lock is placed or the new indexes are validated. Default: go through. */
  readonly stopAfter?: 'lock' | 'validation' | undefined;
  /** Commit although the validation found differences. */
  readonly commitDifferences?: boolean;
  readonly onEvent?: (event: UpgradeEvent) => void;
}

export type UpgradeEvent =
  | { readonly type: 'locked'; readonly resumed: boolean; readonly lock: UpgradeLock }
  | { readonly type: 'draining'; readonly until: EpochNanoseconds; readonly now: EpochNanoseconds }
  | { readonly type: 'drained' }
  | { readonly type: 'migrated'; readonly inputs: number; readonly outputs: number }
  | { readonly type: 'validated'; readonly differences: IndexDifferences }
  | { readonly type: 'committed' }
  /** What is left of the upgrade does no harm. */
  | { readonly type: 'backup-kept'; readonly error: unknown };

export type UpgradeOutcome = 'up-to-date' | 'locked' | 'validated' | 'committed';

/**
 * Brings a repository to format version 3, indexes included. Killed at any moment it is begun again, or taken
 * back with {@link rollBackUpgrade}: until the commit nothing that the old format needs is changed. Other clients
 * are refused meanwhile, and have noticed before indexes are touched. REPOSITORY_LOCKED if somebody else upgrades;
 * ABORTED if the lock was taken away; CORRUPT_DATA if the new indexes differ from the old ones.
 */
export async function upgradeRepository(options: UpgradeOptions): Promise<UpgradeOutcome> {
  validateTimings(options);
  return new Upgrade(options).run();
}

class Upgrade {
  readonly #options: UpgradeOptions;
  readonly #manager: FormatManager;
  readonly #abort: AbortOptions;
  readonly #storage: BlobStorage;
  readonly #change: ChangeFormatOptions;
  readonly #lock: OwnLock;
  readonly #target: FormatVersion;

  constructor(options: UpgradeOptions) {
    const { formatManager, storage, clock, signal } = options;
    this.#options = options;
    this.#target = options.targetVersion ?? LATEST_VERSION;
    this.#lock = new OwnLock(options);
    this.#manager = formatManager;
    this.#abort = abortOptions({ signal });
    this.#storage = withRetention(storage, () => formatManager.blobConfiguration);
    this.#change = { storage: this.#storage, clock, ...this.#abort };
  }

  async run(): Promise<UpgradeOutcome> {
    const { stopAfter } = this.#options;
    await this.#manager.refresh(this.#abort);
    if (this.#manager.upgradeLock === undefined) {
      const { version, epochParameters } = this.#manager.current();
      if (version >= this.#target && epochParameters.enabled) return 'up-to-date';
      await this.#placeLock(version);
    } else {
      this.#report({ type: 'locked', resumed: true, lock: await this.#refreshLock() });
    }
    if (stopAfter === 'lock') return 'locked';
    const { clock, random, formatManager, ownerID } = this.#options;
    const parts = { storage: this.#storage, formatManager, clock, random, ownerID };
    const migration = await IndexMigration.open(parts);
    await this.#upgradeIndexes(migration);
    if (stopAfter === 'validation') return 'validated';
    await this.#commit(migration);
    return 'committed';
  }

  /** The copy first: whoever finds the lock also finds the way back. */
  async #placeLock(from: FormatVersion): Promise<void> {
    const { ownerID, clock, maxPermittedClockDrift = DEFAULT_CLOCK_DRIFT } = this.#options;
    const backup = await backUpFormat(this.#manager, ownerID, this.#change);
    refuseClockSkew(clock(), backup.timestamp, maxPermittedClockDrift);
    const lock: UpgradeLock = {
      ownerID,
      creationTime: clock(),
      advanceNoticeDuration: 0n,
      ioDrainTimeout: this.#options.ioDrainTimeout ?? MIN_DRAIN_TIMEOUT,
      statusPollInterval: pollInterval(this.#options),
      message: `Upgrading from format version ${from} -> ${this.#versionFrom(from)}`,
      maxPermittedClockDrift,
    };
    const changes = { version: this.#versionFrom(from), upgradeLock: lock };
    await storeFormatChanges(this.#manager, changes, this.#change);
    // Of two who place a lock at the same time, the one who was overwritten sees it here.
    this.#report({ type: 'locked', resumed: false, lock: await this.#refreshLock() });
  }

  async #upgradeIndexes(migration: IndexMigration): Promise<void> {
    const isLegacy = !this.#manager.current().epochParameters.enabled;
    if (isLegacy && (await this.#mustDrain())) await this.#drain();
    if (isLegacy) {
      if (await hasLegacyPoison(this.#storage, this.#abort))
        await migration.requireEpochs(this.#abort);
      else await this.#migrate(migration);
      await this.#requireLockAndEpochs(migration);
      const version = this.#versionFrom(this.#manager.current().version);
      const epochParameters = DEFAULT_EPOCH_PARAMETERS;
      const changes = { version, indexVersion: 2, epochParameters } as const;
      await storeFormatChanges(this.#manager, changes, this.#change);
    }
    if (await isMigrating(this.#manager, this.#options.ownerID, this.#change)) {
      await this.#validate(migration);
    }
  }

  #versionFrom(version: FormatVersion): FormatVersion {
    return version > this.#target ? version : this.#target;
  }

  async #mustDrain(): Promise<boolean> {
    if (this.#options.waitsForWritersOnly !== true) return true;
    for await (const _ of this.#storage.listBlobs(SESSION_MARKER_PREFIX, this.#abort)) return true;
    return false;
  }

  async #migrate(migration: IndexMigration): Promise<void> {
    const { inputs, outputs } = await migration.migrate(this.#abort);
    this.#report({ type: 'migrated', inputs: inputs.length, outputs: outputs.length });
  }

  /** Waits until every client has noticed the lock. */
  async #drain(): Promise<void> {
    const { clock, sleep } = this.#options;
    for (;;) {
      const lock = await this.#refreshLock();
      const now = clock();
      const { drained, drainedFrom } = evaluateUpgradeLock(lock, now);
      if (drained) break;
      this.#report({ type: 'draining', until: drainedFrom, now });
      const left = drainedFrom - now;
      const pause = lock.statusPollInterval < left ? lock.statusPollInterval : left;
      await sleep(Number(pause / NANOSECONDS_PER_MILLISECOND) + 1, this.#abort.signal);
    }
    this.#report({ type: 'drained' });
  }

  /** Once more after the new parameters count: a legacy index blob that came too late shows here. */
  async #validate(migration: IndexMigration): Promise<void> {
    const differences = await migration.compare(this.#abort);
    this.#report({ type: 'validated', differences });
    if (!hasDifferences(differences) || this.#options.commitDifferences) return;
    throw differencesError(differences);
  }

  /**
   * A process that was held up between two of these steps may find the upgrade taken back. Then its mark has to go
   * again, which makes the old index unreadable, and nothing else may be stored.
   */
  async #commit(migration: IndexMigration): Promise<void> {
    await this.#refreshLock();
    this.#requireEpochFormat();
    await putLegacyPoison(this.#storage, this.#abort);
    try {
      await this.#requireLockAndEpochs(migration);
    } catch (error) {
      await this.#withdrawPoison();
      throw error;
    }
    await storeFormatChanges(this.#manager, { upgradeLock: undefined }, this.#change);
    this.#report({ type: 'committed' });
    try {
      await deleteBackups(this.#storage, undefined, this.#abort);
    } catch (error) {
      this.#report({ type: 'backup-kept', error });
    }
  }

  /**
   * What the format is about to say has to be true, and the lock to be held, at this moment. The epochs last: who takes
   * the upgrade back deletes them before the lock goes.
   */
  async #requireLockAndEpochs(migration: IndexMigration): Promise<void> {
    const { enabled } = this.#manager.current().epochParameters;
    await this.#refreshLock();
    if (enabled) this.#requireEpochFormat();
    await migration.requireMigrated(this.#abort);
    this.#lock.requireFresh();
  }

  /** The first step of taking an upgrade back leaves the lock, and makes the old indexes count again. */
  #requireEpochFormat(): void {
    if (this.#manager.current().epochParameters.enabled) return;
    throw takenBack('the old indexes count again');
  }

  /** Only where the storage says that the old index is the one that counts; else the mark is right, whoever put it. */
  async #withdrawPoison(): Promise<void> {
    if (this.#manager.current().epochParameters.enabled) return;
    await this.#storage.deleteBlob(LEGACY_POISON_BLOB_ID, this.#abort);
  }

  async #refreshLock(): Promise<UpgradeLock> {
    return this.#lock.refresh(this.#abort);
  }

  #report(event: UpgradeEvent): void {
    this.#options.onEvent?.(event);
  }
}

/**
 * True if the index of this repository was legacy when its upgrade began and no commit of one has marked the old
 * index blobs since: only then both must say the same.
 */
export async function isMigrating(
  manager: FormatManager,
  ownerID: string,
  options: ChangeFormatOptions,
): Promise<boolean> {
  const { storage, signal } = options;
  if (await hasLegacyPoison(storage, abortOptions({ signal }))) return false;
  const backup = await readBackup(manager, ownerID, options);
  return backup === undefined || !backup.stored.format.epochParameters.enabled;
}

function differencesError({ missing, added, changed, examples }: IndexDifferences): LongshoreError {
  return new LongshoreError(
    'CORRUPT_DATA',
    `the new index lacks ${missing} entries of the old one, has ${added} more and ${changed} others, such as for ` +
      `${examples.slice(0, 3).join(', ')}. The repository stays locked: take the upgrade back with ` +
      '`repository upgrade rollback --force`, then begin again',
  );
}

function validateTimings(options: UpgradeOptions): void {
  const { ownerID, allowUnsafeTimings = false } = options;
  const { ioDrainTimeout = MIN_DRAIN_TIMEOUT } = options;
  const { maxPermittedClockDrift = DEFAULT_CLOCK_DRIFT } = options;
  const rules: readonly (readonly [boolean, string])[] = [
    [ownerID !== '', 'who upgrades needs a name: --upgrade-owner-id'],
    [ioDrainTimeout > 0n, 'the time for clients to drain must be positive'],
    [
      ioDrainTimeout >= MIN_DRAIN_TIMEOUT || allowUnsafeTimings,
      `clients need ${formatGoDuration(MIN_DRAIN_TIMEOUT)} to notice the lock, not ${formatGoDuration(ioDrainTimeout)}`,
    ],
    [
      pollInterval(options) > 0n && pollInterval(options) <= ioDrainTimeout,
      'the time between two looks must be positive and not above the time for clients to drain',
    ],
    [maxPermittedClockDrift > 0n, 'the permitted drift of clocks must be positive'],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken !== undefined) throw new LongshoreError('INVALID_ARGUMENT', broken[1]);
  backupBlobID(ownerID);
}

function pollInterval({ statusPollInterval = DEFAULT_POLL_INTERVAL }: UpgradeOptions): bigint {
  return statusPollInterval;
}

/** Storages tell whole seconds at worst. */
function refuseClockSkew(
  local: EpochNanoseconds,
  stored: EpochNanoseconds,
  permitted: bigint,
): void {
  const skew = local > stored ? local - stored : stored - local;
  if (skew <= permitted + NANOSECONDS_PER_SECOND) return;
  throw new LongshoreError(
    'CLOCK_SKEW',
    `this machine's clock says ${formatGoTime(local)}, the storage's ${formatGoTime(stored)}: they differ by ` +
      `${formatGoDuration(skew)}, more than the permitted ${formatGoDuration(permitted)}. Nothing was locked`,
  );
}
