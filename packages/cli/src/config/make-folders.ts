import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';

/**
 * Makes a private folder and those above it. As `makeDirectoriesSync` of the repository package, which is too much to
 * load for a command that only says its version.
 */
export function makeFolders(path: string): void {
  if (madeOrThere(path)) return;
  makeFolders(dirname(path));
  // Below a folder that is there ENOENT means never: Node's `recursive` would go on for ever.
  if (!madeOrThere(path)) mkdirSync(path);
}

/** False if the folder above it is missing. */
function madeOrThere(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && dirname(path) !== path) return false;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return true;
    throw error;
  }
}
