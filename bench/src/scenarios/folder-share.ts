import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One folder out of a tree. */
export interface FolderShare {
  /** Below the root, with `/`. */
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/** The first folder, in order of names, that holds files and no folders. */
export function folderShare(tree: string): FolderShare {
  for (let path = ''; ;) {
    const entries = readdirSync(join(tree, path), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const inner = folders.toSorted()[0];
    if (inner === undefined) {
      const bytes = entries.reduce(
        (sum, { name }) => sum + lstatSync(join(tree, path, name)).size,
        0,
      );
      return { path, files: entries.length, bytes };
    }
    path = path === '' ? inner : `${path}/${inner}`;
  }
}
