import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesystemStorage } from '@longshore/repo/node';
import { describeTree } from '../local-tree.ts';
import { createSeededTree } from '../trees.ts';
import {
  allSnapshots,
  createEngine,
  openEngine,
  restoreTo,
  takeSnapshot,
  verifyAll,
} from './engine.ts';
import { checkWholeBlobs } from './whole-blobs.ts';

const DISK_MIB = 64;

/** A file system of its own needs root, and a container may forbid it even then. */
function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-mount-'));
  try {
    mount(folder);
    execFileSync('umount', [folder]);
    return true;
  } catch {
    console.warn('SKIPPED: 3 tests of full disks: they need root and the right to mount a tmpfs.');
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function mount(path: string): void {
  const options = `size=${DISK_MIB}m`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
}

describe.skipIf(!canMount())('a full disk', () => {
  let folder: string;
  let disk: string;
  let tree: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-full-'));
    disk = join(folder, 'disk');
    tree = join(folder, 'tree');
    mkdirSync(disk);
    mount(disk);
    createSeededTree(join(tree, 'old'), { seed: 1, files: 50, totalBytes: 3_000_000 });
  });
  afterEach(() => {
    execFileSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([false, true])(
    'of the repository fails a snapshot in one line and leaves the others whole (worker threads: %s)',
    async (threads) => {
      const path = join(disk, 'repository');
      mkdirSync(path);
      const storage = await openFilesystemStorage({ path });
      await using _created = await createEngine(storage);
      await using repository = await openEngine(storage, { threads });
      const { snapshot: first } = await takeSnapshot(repository, tree);
      const before = await describeTree(tree);
      createSeededTree(join(tree, 'new'), { seed: 2, files: 300, totalBytes: 30_000_000 });
      writeFileSync(join(disk, 'ballast'), new Uint8Array((DISK_MIB - 20) * 1024 * 1024));

      const error = await takeSnapshot(repository, tree, { checkpointIntervalMs: 50 }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({
        code: 'NO_SPACE',
        message: expect.stringMatching(/^[^\n]*$/) as string,
      });
      {
        await using reopened = await openEngine(storage);
        expect((await checkWholeBlobs(path, reopened)).temporaryFiles).toBe(0);
        expect((await allSnapshots(reopened)).map(({ id }) => id)).toContain(first.id);
        expect((await verifyAll(reopened)).errors).toEqual([]);
        await restoreTo(reopened, first, join(folder, 'restored'));
        expect(await describeTree(join(folder, 'restored'))).toEqual(before);
      }

      rmSync(join(disk, 'ballast'));
      const { snapshot: second } = await takeSnapshot(repository, tree);
      await restoreTo(repository, second, join(folder, 'second'));
      expect(await describeTree(join(folder, 'second'))).toEqual(await describeTree(tree));
      expect((await verifyAll(repository)).errors).toEqual([]);
    },
  );

  it('as the target ends a restore in one line, without a file that is not whole', async () => {
    const path = join(folder, 'repository');
    mkdirSync(path);
    const storage = await openFilesystemStorage({ path });
    await using repository = await createEngine(storage);
    createSeededTree(join(tree, 'new'), { seed: 2, files: 300, totalBytes: 30_000_000 });
    const { snapshot } = await takeSnapshot(repository, tree);
    writeFileSync(join(disk, 'ballast'), new Uint8Array((DISK_MIB - 20) * 1024 * 1024));

    const target = join(disk, 'restored');
    await expect(restoreTo(repository, snapshot, target)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringMatching(/^[^\n]*$/) as string,
    });
    const whole = new Map((await describeTree(tree)).map((entry) => [entry.path, entry.sha256]));
    const left = (await describeTree(target)).filter(({ type }) => type === 'file');
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((entry) => entry.sha256 !== whole.get(entry.path))).toEqual([]);
    const names = readdirSync(target, { recursive: true }).map(String);
    expect(names.filter((name) => !whole.has(name))).toEqual([]);

    rmSync(join(disk, 'ballast'));
    await restoreTo(repository, snapshot, target);
    expect(await describeTree(target)).toEqual(await describeTree(tree));
  });
});
