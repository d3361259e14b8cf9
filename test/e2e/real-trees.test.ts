import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesystemStorage } from '@longshore/repo/node';
import { describeTree } from '../local-tree.ts';
import { createSeededTree } from '../trees.ts';
import { createEngine, openEngine, restoreTo, takeSnapshot, verifyAll } from './engine.ts';

const IS_LARGE = process.env['LONGSHORE_LARGE'] === '1';
/** Of the installed packages, in the order of their names; all of them with LONGSHORE_LARGE=1. */
const MAX_ENTRIES = IS_LARGE ? Infinity : 3500;
const PACKAGES = resolve(import.meta.dirname, '../../node_modules/.pnpm');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-real-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Whole packages until there are so many entries. Others may be installing: what is copied does not change. */
function copyPackages(target: string): void {
  mkdirSync(target);
  let left = MAX_ENTRIES;
  for (const name of readdirSync(PACKAGES).toSorted()) {
    const from = join(PACKAGES, name);
    if (!lstatSync(from).isDirectory()) continue;
    const entries = countEntries(from);
    if (entries > left) continue;
    left -= entries;
    cpSync(from, join(target, name), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
  }
}

/** Follows no links, which a recursive `readdir` does: packages link to one another. */
function countEntries(directory: string): number {
  return readdirSync(directory, { withFileTypes: true }).reduce(
    (sum, entry) => sum + 1 + (entry.isDirectory() ? countEntries(join(directory, entry.name)) : 0),
    0,
  );
}

describe('a real tree', () => {
  it.each([
    ['the packages that this project stands on', copyPackages],
    [
      'seeded files of every size, with odd names, links and holes',
      (target: string) =>
        createSeededTree(target, {
          seed: 3,
          files: 2000,
          totalBytes: 40_000_000,
          duplicates: 0.1,
          oddNames: 0.2,
          symlinks: 60,
          sparseFiles: 2,
        }),
    ],
  ])('of %s comes back identical', { timeout: 20 * 60_000 }, async (_name, create) => {
    const tree = join(folder, 'tree');
    create(tree);
    const path = join(folder, 'repository');
    mkdirSync(path);
    const storage = await openFilesystemStorage({ path });
    await using _created = await createEngine(storage);
    await using repository = await openEngine(storage, { threads: true });
    const { snapshot } = await takeSnapshot(repository, tree);
    expect(snapshot.rootEntry?.summary).toMatchObject({ numFailed: 0, numIgnoredErrors: 0 });
    const again = await takeSnapshot(repository, tree);
    expect(again.snapshot.rootEntry?.objectID).toBe(snapshot.rootEntry?.objectID);
    expect(await verifyAll(repository)).toMatchObject({ errorCount: 0, finished: true });
    const target = join(folder, 'restored');
    await restoreTo(repository, snapshot, target);
    const expected = await describeTree(tree);
    expect(expected.length).toBeGreaterThan(2000);
    expect(await describeTree(target)).toEqual(expected);
  });
});
