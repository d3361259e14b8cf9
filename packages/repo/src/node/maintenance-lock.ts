import { closeSync, constants, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { LongshoreError } from '../errors.ts';
import type { MaintenanceLock } from '../maintenance/run.ts';
import { loadFlock, type TryFlock } from './flock.ts';

/** SQLite's answer when somebody else holds the file. */
const SQLITE_BUSY = 5;

/** Kopia's. */
const LOCK_FILE_MODE = 0o600;

/**
 * The lock on `<configuration file>.mlock` that keeps two processes of one client from maintaining a repository
 * at once, Kopia's among them, which takes flock(2) on this file. Where Node cannot call that (`node:ffi`, Linux only)
 * an exclusive transaction on the same file as an empty SQLite database keeps longshore's own processes apart; it is
 * always taken, so that they need not all run on the same Node. Both are locks of the operating system, which go with
 * the process that holds them, however that ends. The file stays, empty.
 */
export function createMaintenanceLock(
  configurationFile: string,
  load: () => TryFlock | undefined = loadFlock,
): MaintenanceLock {
  const path = `${configurationFile}.mlock`;
  return {
    async tryAcquire() {
      const { DatabaseSync: Database } = await import('node:sqlite');
      // First: closing any descriptor of a file gives up what SQLite has locked of it, in the whole process.
      const database = new Database(path, { timeout: 0 });
      if (!lockExclusively(database, path)) return undefined;
      const flock = load();
      let fd: number | undefined;
      try {
        fd = flock === undefined ? undefined : lockFile(flock, path);
      } catch (cause) {
        database.close();
        throw cannotLock(path, cause);
      }
      if (flock !== undefined && fd === undefined) {
        database.close();
        return undefined;
      }
      return {
        async [Symbol.asyncDispose]() {
          if (!database.isOpen) return;
          if (fd !== undefined) closeSync(fd);
          database.close();
        },
      };
    },
  };
}

function lockExclusively(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (cause) {
    database.close();
    if (Reflect.get(Object(cause), 'errcode') === SQLITE_BUSY) return false;
    throw cannotLock(path, cause);
  }
}

/** A descriptor that holds the lock. */
function lockFile(flock: TryFlock, path: string): number | undefined {
  const { O_RDWR, O_CREAT } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT, LOCK_FILE_MODE);
  let held = false;
  try {
    held = flock(fd);
  } finally {
    if (!held) closeSync(fd);
  }
  return held ? fd : undefined;
}

function cannotLock(path: string, cause: unknown): LongshoreError {
  return new LongshoreError('STORAGE_FAILED', `cannot lock ${path}`, { path, cause });
}
