import { CorruptDataError, LongshoreError } from '@longshore/repo';
import { POSIX_SETGID, POSIX_SETUID, posixModeFromGo } from '../mode.ts';
import type { OutputAttributes } from '../restore/restore-output.ts';
import { isPermissionError, targetError } from './system-error.ts';
import type { FileStatus } from './system-calls.ts';

export interface AttributeOptions {
  readonly skipOwners: boolean;
  readonly skipPermissions: boolean;
  readonly skipTimes: boolean;
  /** EPERM and EACCES are reported to `onIgnoredError` and not thrown. */
  readonly ignorePermissionErrors: boolean;
  readonly onIgnoredError: (error: LongshoreError) => void;
}

/** An entry of the target whose attributes are set. `setMode` is undefined for symlinks, which have none. */
export interface AttributeTarget {
  readonly path: string;
  status(): FileStatus;
  setOwner(uid: number, gid: number): void;
  readonly setMode: ((mode: number) => void) | undefined;
  setTimes(mtime: bigint): void;
}

const MAX_ID = 0xffff_ffff;
// Seconds in 64 bits, as in `timespec`.
const MAX_TIME = 2n ** 63n * 1_000_000_000n - 1n;

/** CORRUPT_DATA unless the attributes fit what the system calls take. */
export function checkAttributes(path: string, { uid, gid, mtime }: OutputAttributes): void {
  if (!isID(uid)) throw new CorruptDataError(`${path}: owner ${uid}`, { path, field: 'uid' });
  if (!isID(gid)) throw new CorruptDataError(`${path}: group ${gid}`, { path, field: 'gid' });
  if (mtime > MAX_TIME || mtime < -MAX_TIME) {
    throw new CorruptDataError(`${path}: time ${mtime} ns`, { path, field: 'mtime' });
  }
}

function isID(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= MAX_ID;
}

/**
 * Sets owner, mode and times, each only where it differs, and in that order: changing the owner clears setuid and setgid.
 * These two are left out if the recorded owner could not be had: a program must not gain the rights of whoever restores.
 */
export function applyAttributes(
  target: AttributeTarget,
  wanted: OutputAttributes,
  options: AttributeOptions,
): void {
  let status = target.status();
  if (!options.skipOwners && (status.uid !== wanted.uid || status.gid !== wanted.gid)) {
    attempt('set owner of', target, options, () => target.setOwner(wanted.uid, wanted.gid));
    status = target.status();
  }
  if (!options.skipPermissions && target.setMode !== undefined) {
    const mode = safeMode(target, status, wanted, options);
    if (mode !== status.mode) {
      attempt('set mode of', target, options, () => target.setMode?.(mode));
    }
  }
  if (!options.skipTimes && status.mtime !== wanted.mtime) {
    attempt('set times of', target, options, () => target.setTimes(wanted.mtime));
  }
}

function safeMode(
  target: AttributeTarget,
  status: FileStatus,
  wanted: OutputAttributes,
  options: AttributeOptions,
): number {
  const mode = posixModeFromGo(wanted.mode);
  let unsafe = status.uid === wanted.uid ? 0 : POSIX_SETUID;
  // On a directory it only says which group new entries get.
  if (status.gid !== wanted.gid && status.kind !== 'd') unsafe |= POSIX_SETGID;
  if ((mode & unsafe) !== 0) {
    options.onIgnoredError(
      new LongshoreError(
        'ACCESS_DENIED',
        `${target.path}: left out setuid or setgid, because the owner is ${status.uid}:${status.gid} ` +
          `and not ${wanted.uid}:${wanted.gid}`,
        { path: target.path },
      ),
    );
  }
  return mode & ~unsafe;
}

function attempt(
  action: string,
  target: AttributeTarget,
  options: AttributeOptions,
  change: () => void,
): void {
  try {
    change();
  } catch (cause) {
    const error = targetError(action, target.path, cause);
    if (!options.ignorePermissionErrors || !isPermissionError(cause)) throw error;
    options.onIgnoredError(error);
  }
}
