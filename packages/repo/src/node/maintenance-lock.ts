import type { DatabaseSync } from 'node:sqlite';
import { LongshoreError } from '../errors.ts';
import type { MaintenanceLock } from '../maintenance/run.ts';

/** SQLite's answer when somebody else holds the file. */
const SQLITE_BUSY = 5;

/**
 * The lock on `<configuration file>.mlock` that keeps two processes of one client from maintaining a repository
 * at once. It is an exclusive transaction on an empty SQLite file: a lock of the operating system, which goes
 * with the process that holds it, however that ends. The file stays, empty.
 */
export function createMaintenanceLock(configurationFile: string): MaintenanceLock {
  const path = `${configurationFile}.mlock`;
  return {
    async tryAcquire() {
      const { DatabaseSync: Database } = await import('node:sqlite');
      const database = new Database(path, { timeout: 0 });
      if (!lockExclusively(database, path)) return undefined;
      return {
        async [Symbol.asyncDispose]() {
          if (database.isOpen) database.close();
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
    throw new LongshoreError('STORAGE_FAILED', `cannot lock ${path}`, { path, cause });
  }
}
