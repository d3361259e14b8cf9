import type { AbortOptions } from '../blob/storage.ts';
import { NANOSECONDS_PER_SECOND, type Clock, type EpochNanoseconds } from '../clock.ts';
import { LongshoreError } from '../errors.ts';
import type { FormatManager } from '../format/format-manager.ts';
import type { UpgradeLock } from '../format/upgrade-lock.ts';

/** Nanoseconds for which a look at the lock counts: a machine may sleep, and requests are repeated for minutes. */
const LOOK_MAX_AGE: EpochNanoseconds = 60n * NANOSECONDS_PER_SECOND;

/** ABORTED if nobody holds the lock, REPOSITORY_LOCKED if somebody else does. */
export function requireOwnLock(
  { upgradeLock }: Pick<FormatManager, 'upgradeLock'>,
  ownerID: string,
): UpgradeLock {
  if (upgradeLock?.ownerID === ownerID) return upgradeLock;
  if (upgradeLock === undefined) throw takenBack('the upgrade lock is gone');
  throw new LongshoreError(
    'REPOSITORY_LOCKED',
    `${upgradeLock.ownerID} upgrades the repository, not ${ownerID}`,
  );
}

/** ABORTED: this process relies on an upgrade that somebody has taken back since it looked. */
export function takenBack(how: string): LongshoreError {
  return new LongshoreError('ABORTED', `${how}: somebody took the upgrade back`);
}

export interface OwnLockOptions {
  readonly formatManager: FormatManager;
  readonly ownerID: string;
  readonly clock: Clock;
}

/** The lock of one upgrade as the storage has it: what must not happen without it asks here right before. */
export class OwnLock {
  readonly #options: OwnLockOptions;
  #creationTime: EpochNanoseconds | undefined;
  #lookedAt: EpochNanoseconds | undefined;

  constructor(options: OwnLockOptions) {
    this.#options = options;
  }

  /**
   * Reads the format again. ABORTED if the lock is gone, or another one than at first: the same owner began anew.
   * REPOSITORY_LOCKED if it is somebody else's.
   */
  async refresh(options: AbortOptions): Promise<UpgradeLock> {
    const { formatManager, ownerID, clock } = this.#options;
    const lookedAt = clock();
    await formatManager.refresh(options);
    const lock = requireOwnLock(formatManager, ownerID);
    this.#creationTime ??= lock.creationTime;
    if (lock.creationTime !== this.#creationTime)
      throw takenBack('the upgrade lock is another one');
    this.#lookedAt = lookedAt;
    return lock;
  }

  /** False if so much time has passed since the last look that anything may have happened. */
  get isFresh(): boolean {
    const age = this.#lookedAt === undefined ? -1n : this.#options.clock() - this.#lookedAt;
    return age >= 0n && age <= LOOK_MAX_AGE;
  }

  /** ABORTED if the last look is more than a minute old. */
  requireFresh(): void {
    if (this.isFresh) return;
    throw new LongshoreError(
      'ABORTED',
      'the last look at the upgrade lock is more than a minute old: nothing was stored; begin again',
    );
  }
}
