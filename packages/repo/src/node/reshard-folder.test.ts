import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseBlobID, type BlobID } from '../blob/storage.ts';
import { encodeUtf8 } from '../bytes.ts';
import { hasCode } from '../errors.ts';
import { openFilesystemStorage } from './filesystem-storage.ts';
import { reshardFolder, type ReshardEvent } from './reshard-folder.ts';

const IDS = ['kopia.repository', 'pabcdef0123456789abcdef', 'qabcdef0123456789abcdef', 'q'].map(
  parseBlobID,
);

let root: string;
beforeEach(async () => {
  root = await fs.mkdtemp(join(tmpdir(), 'longshore-reshard-'));
  await using storage = await openFilesystemStorage({ path: root, create: true });
  for (const id of IDS) await storage.putBlob(id, encodeUtf8(`blob ${id}`));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fs.rm(root, { recursive: true, force: true });
});

async function names(): Promise<readonly string[]> {
  const entries = await fs.readdir(root, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort();
}

async function expectAllFound(ids: readonly BlobID[] = IDS): Promise<void> {
  await using storage = await openFilesystemStorage({ path: root });
  for (const id of ids) expect(await storage.getBlob(id)).toEqual(encodeUtf8(`blob ${id}`));
  const listed = await Array.fromAsync(storage.listBlobs(''), ({ id }) => id);
  expect(listed.sort()).toEqual([...ids].sort());
}

describe('resharding', () => {
  it('moves what belongs elsewhere and leaves no empty folder', async () => {
    const events: ReshardEvent[] = [];
    const result = await reshardFolder(root, {
      changes: { shards: [2], overrides: [{ prefix: 'q', shards: [] }] },
      onEvent: (event) => events.push(event),
    });
    expect(result).toEqual({ moved: 2, unchanged: 2, removedFolders: 4 });
    expect(await names()).toEqual([
      '.shards',
      'kopia.repository.f',
      'pa',
      'pa/bcdef0123456789abcdef.f',
      'q.f',
      'qabcdef0123456789abcdef.f',
    ]);
    expect(events).toContainEqual({
      kind: 'move',
      from: join(root, 'p/abc/def0123456789abcdef.f'),
      to: join(root, 'pa/bcdef0123456789abcdef.f'),
    });
    expect(events).toContainEqual({ kind: 'remove-folder', path: join(root, 'p') });
    await expectAllFound();
  });

  it('finds nothing to do where the layout is the same', async () => {
    const before = await names();
    const result = await reshardFolder(root, { changes: {} });
    expect(result).toEqual({ moved: 0, unchanged: 4, removedFolders: 0 });
    expect(await names()).toEqual(before);
  });

  it('moves nothing in a dry run', async () => {
    const before = await names();
    const shards = await fs.readFile(join(root, '.shards'), 'utf8');
    const result = await reshardFolder(root, { changes: { shards: [5] }, dryRun: true });
    expect(result).toEqual({ moved: 2, unchanged: 2, removedFolders: 0 });
    expect(await names()).toEqual(before);
    expect(await fs.readFile(join(root, '.shards'), 'utf8')).toBe(shards);
  });

  it('is completed by the same call, whichever move or write broke it off', async () => {
    for (const broken of [1, 2, 3]) {
      const changes = { shards: [broken + 3], maxNonShardedLength: 3 };
      let calls = 0;
      const rename = fs.rename.bind(fs);
      const spy = vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
        if (++calls === broken) throw Object.assign(new Error('EIO: simulated'), { code: 'EIO' });
        await rename(from, to);
      });
      const failed = reshardFolder(root, { changes });
      await expect(failed).rejects.toSatisfy((error) => hasCode(error, 'STORAGE_FAILED'));
      spy.mockRestore();
      await reshardFolder(root, { changes });
      await expectAllFound();
    }
  });

  it('moves nothing where a place is taken or an ID would leave the folder', async () => {
    await fs.mkdir(join(root, 'pa'));
    await fs.writeFile(join(root, 'pa/bcdef0123456789abcdef.f'), 'another');
    const before = await names();
    const taken = reshardFolder(root, { changes: { shards: [2] } });
    await expect(taken).rejects.toSatisfy((error) => hasCode(error, 'ALREADY_EXISTS'));
    expect(await names()).toEqual(before);
    await fs.writeFile(join(root, '..abcdef0123456789abcdef.f'), 'strange');
    const outside = reshardFolder(root, { changes: { shards: [2] } });
    await expect(outside).rejects.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT'));
    await expect(fs.access(join(root, '..', 'abcdef0123456789abcdef.f'))).rejects.toThrow('ENOENT');
  });

  it('gives new folders the mode of the root, and keeps that of .shards', async () => {
    await fs.chmod(root, 0o750);
    await fs.chmod(join(root, '.shards'), 0o640);
    await reshardFolder(root, { changes: { shards: [2] } });
    expect((await fs.stat(join(root, 'pa'))).mode & 0o777).toBe(0o750);
    expect((await fs.stat(join(root, '.shards'))).mode & 0o777).toBe(0o640);
  });

  it('refuses a folder without .shards', async () => {
    await fs.rm(join(root, '.shards'));
    const refused = reshardFolder(root, { changes: { shards: [2] } });
    await expect(refused).rejects.toSatisfy((error) => hasCode(error, 'PATH_NOT_FOUND'));
  });
});
