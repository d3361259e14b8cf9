import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoCode } from './filesystem-errors.ts';

/*
 * Node's own `recursive: true` never comes back where a file system says ENOENT below a folder that is there, as /proc
 * does: it makes the parent, finds it, and tries again for ever.
 */

/** Makes a folder and those above it. Resolves to the topmost that was made, undefined if it was there. */
export async function makeDirectories(
  path: string,
  options: { readonly mode: number },
): Promise<string | undefined> {
  const folder = resolve(path);
  const isThere = async (): Promise<boolean> =>
    stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
  try {
    await mkdir(folder, options);
    return folder;
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT' || dirname(folder) === folder) {
      if (await isThere()) return undefined;
      throw error;
    }
  }
  const first = await makeDirectories(dirname(folder), options);
  try {
    await mkdir(folder, options);
    return first ?? folder;
  } catch (error) {
    if (await isThere()) return first;
    throw error;
  }
}

/** As {@link makeDirectories}. */
export function makeDirectoriesSync(
  path: string,
  options: { readonly mode: number },
): string | undefined {
  const folder = resolve(path);
  const isThere = (): boolean =>
    statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  try {
    mkdirSync(folder, options);
    return folder;
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT' || dirname(folder) === folder) {
      if (isThere()) return undefined;
      throw error;
    }
  }
  const first = makeDirectoriesSync(dirname(folder), options);
  try {
    mkdirSync(folder, options);
    return first ?? folder;
  } catch (error) {
    if (isThere()) return first;
    throw error;
  }
}
