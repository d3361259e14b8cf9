import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { blobStorageContract } from '../blob/storage.contract.ts';
import { parseBlobID } from '../blob/storage.ts';
import type { BlobStorage } from '../blob/storage.ts';
import { openFilesystemStorage } from './filesystem-storage.ts';
import type { FilesystemStorageOptions } from './filesystem-storage.ts';

const pack = parseBlobID('pb2a581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147');
const packFile = 'p/b2a/581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147.f';
const data = new Uint8Array(1000).fill(9);

let root: string;
beforeEach(async () => {
  root = await fs.mkdtemp(join(tmpdir(), 'longshore-filesystem-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fs.rm(root, { recursive: true, force: true });
});

async function files(folder = root): Promise<string[]> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

async function ids(storage: BlobStorage, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const blob of storage.listBlobs(prefix)) found.push(blob.id);
  return found.sort();
}

function create(options: Partial<FilesystemStorageOptions> = {}): Promise<BlobStorage> {
  return openFilesystemStorage({ path: root, create: true, ...options });
}

async function mode(path: string): Promise<number> {
  return (await fs.stat(path)).mode & 0o777;
}

function failWrites(code: string): void {
  const open = fs.open.bind(fs);
  vi.spyOn(fs, 'open').mockImplementation(async (path, flags, mode): Promise<FileHandle> => {
    const handle = await open(path, flags, mode);
    vi.spyOn(handle, 'writev').mockRejectedValue(
      Object.assign(new Error(`${code}: simulated`), { code }),
    );
    return handle;
  });
}

describe.each([
  ['sharded by [1,3]', {}],
  ['sharded by [3,3]', { dirShards: [3, 3] }],
  ['flat', { flat: true }],
] as const)('filesystem storage %s', (_name, options) => {
  it.each(blobStorageContract)('$name', async ({ run }) => {
    const storage = await create(options);
    await expect(run({ storage, manyBlobs: 400 })).resolves.toBeUndefined();
    const temporary = (await files()).filter((name) => name.includes('.tmp.'));
    expect(temporary).toEqual([]);
  });
});

describe('layout', () => {
  it('writes .shards and shards as Kopia does for a new repository', async () => {
    const storage = await create();
    await storage.putBlob(parseBlobID('kopia.repository'), data);
    await storage.putBlob(pack, data);
    expect(await files()).toEqual(['.shards', 'kopia.repository.f', packFile]);
    expect(await fs.readFile(join(root, '.shards'), 'utf8')).toBe(
      '{"default":[1,3],"maxNonShardedLength":20}\n',
    );
  });

  it('assumes [3,3] for an old root without .shards, and writes that with the first put', async () => {
    const storage = await openFilesystemStorage({ path: root });
    expect(await ids(storage)).toEqual([]);
    expect(await files()).toEqual([]);
    await storage.putBlob(pack, data);
    expect(await files()).toEqual([
      '.shards',
      'pb2/a58/1306f06fb62ec2471344c6c789f-sa1b8ec7119422076147.f',
    ]);
    expect(await fs.readFile(join(root, '.shards'), 'utf8')).toBe(
      '{"default":[3,3],"maxNonShardedLength":20}\n',
    );
  });

  it('obeys the .shards it finds, overrides included, whatever the options say', async () => {
    await fs.writeFile(
      join(root, '.shards'),
      '{"default":[1,3],"maxNonShardedLength":20,"overrides":[{"prefix":"p","shards":[5]}]}',
    );
    const storage = await create({ flat: true });
    await storage.putBlob(pack, data);
    await storage.putBlob(parseBlobID(`q${pack.slice(1)}`), data);
    expect(await files()).toEqual(['.shards', `pb2a5/${pack.slice(5)}.f`, `q${packFile.slice(1)}`]);
  });

  it('refuses to work with a malformed .shards', async () => {
    await fs.writeFile(join(root, '.shards'), '{"default":[1,');
    const storage = await openFilesystemStorage({ path: root });
    await expect(storage.getBlob(pack)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    await expect(storage.putBlob(pack, data)).rejects.toMatchObject({ code: 'CORRUPT_DATA' });
    await fs.writeFile(join(root, '.shards'), ' '.repeat(70_000));
    await expect(storage.getBlob(pack)).rejects.toThrow(/70000 bytes are too many/);
  });

  it('does not bury a repository that lost its .shards under another layout', async () => {
    const before = await create();
    await before.putBlob(parseBlobID('kopia.repository'), data);
    await before.putBlob(pack, data);
    await fs.unlink(join(root, '.shards'));
    const storage = await openFilesystemStorage({ path: root });
    await expect(storage.putBlob(pack, data)).rejects.toThrow(
      /\.shards is missing, and folder p does not fit the assumed \[3,3\]/,
    );
    expect(await ids(storage)).toEqual(['kopia.repository', pack]);
    const rescued = await openFilesystemStorage({ path: root, dirShards: [1, 3] });
    await rescued.putBlob(pack, data);
    expect(await files()).toEqual(['.shards', 'kopia.repository.f', packFile]);
  });

  it('lets writers that start at the same time agree on one .shards', async () => {
    const [first, second] = await Promise.all([create(), create({ dirShards: [3, 3] })]);
    const other = parseBlobID(`q${pack.slice(1)}`);
    await Promise.all([first.putBlob(pack, data), second.putBlob(other, data)]);
    expect(await second.getBlob(pack)).toEqual(data);
    expect(await first.getBlob(other)).toEqual(data);
  });

  it('lists only what is a blob, and walks only folders that can match', async () => {
    const storage = await create();
    await storage.putBlob(pack, data);
    await fs.writeFile(join(root, `${packFile}.tmp.0123456789abcdef`), 'left behind');
    await fs.writeFile(join(root, 'notes.txt'), 'not ours');
    await fs.writeFile(join(root, 'two words.f'), 'no blob ID');
    await fs.mkdir(join(root, 'q', 'abc'), { recursive: true });
    await fs.writeFile(join(root, 'q', 'abc', 'def.f'), '');
    const opened = vi.spyOn(fs, 'opendir');
    expect(await ids(storage, 'pb2a5')).toEqual([pack]);
    expect(opened.mock.calls.map(([path]) => String(path).slice(root.length))).toEqual([
      '',
      '/p',
      '/p/b2a',
    ]);
    expect(await ids(storage)).toEqual([pack, 'qabcdef']);
  });

  it('never leaves the root', async () => {
    const storage = await create({ dirShards: [2, 2] });
    const id = parseBlobID('....outside0123456789abcdef');
    await expect(storage.putBlob(id, data)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(storage.deleteBlob(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(storage.getBlob(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await files()).toEqual(['.shards']);
  });

  it('has room for the temporary name of the longest ID', async () => {
    const storage = await create({ flat: true });
    const id = parseBlobID('p'.repeat(250));
    await storage.putBlob(id, data);
    expect(await storage.getBlob(id)).toEqual(data);
  });
});

describe('files', () => {
  it('are readable by their owner only, unless told otherwise', async () => {
    await (await create()).putBlob(pack, data);
    expect(await mode(join(root, packFile))).toBe(0o600);
    expect(await mode(join(root, 'p'))).toBe(0o700);
    expect(await mode(join(root, '.shards'))).toBe(0o600);
    const shared = join(root, 'shared', 'deeper');
    const umask = process.umask(0);
    try {
      const storage = await create({ path: shared, fileMode: 0o640, dirMode: 0o750 });
      await storage.putBlob(pack, data);
      expect(await mode(join(shared, packFile))).toBe(0o640);
      expect(await mode(join(shared, 'p/b2a'))).toBe(0o750);
      expect(await mode(shared)).toBe(0o750);
    } finally {
      process.umask(umask);
    }
  });

  it.runIf(process.geteuid?.() === 0)('belong to the owner that root names', async () => {
    await (await create({ uid: 1234, gid: 2345 })).putBlob(pack, data);
    for (const path of [packFile, 'p', 'p/b2a', '.shards']) {
      expect(await fs.stat(join(root, path))).toMatchObject({ uid: 1234, gid: 2345 });
    }
  });

  it('carry the time of the blob to the nanosecond', async () => {
    const storage = await create();
    await storage.putBlob(pack, data);
    const { mtimeNs } = await fs.stat(join(root, packFile), { bigint: true });
    expect((await storage.getMetadata(pack)).timestamp).toBe(mtimeNs);
    for await (const blob of storage.listBlobs('p')) expect(blob.timestamp).toBe(mtimeNs);
  });

  it('are synced before they get their name, and their folders after', async () => {
    const storage = await create();
    await storage.putBlob(parseBlobID('first'), data);
    const events: string[] = [];
    const open = fs.open.bind(fs);
    vi.spyOn(fs, 'open').mockImplementation(async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      const name = String(path)
        .slice(root.length)
        .replace(/[0-9a-f]{16}$/, 'HEX');
      const sync = handle.sync.bind(handle);
      vi.spyOn(handle, 'sync').mockImplementation(async () => {
        events.push(`sync ${name}`);
        await sync();
      });
      return handle;
    });
    const rename = fs.rename.bind(fs);
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
      events.push(`rename to ${String(to).slice(root.length)}`);
      await rename(from, to);
    });
    await storage.putBlob(pack, data);
    expect(events).toEqual([
      'sync ',
      'sync /p',
      `sync /${packFile}.tmp.HEX`,
      `rename to /${packFile}`,
      'sync /p/b2a',
    ]);
  });

  it('are written whole when the system writes less than asked', async () => {
    const storage = await create();
    const open = fs.open.bind(fs);
    let writes = 0;
    vi.spyOn(fs, 'open').mockImplementation(async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      vi.spyOn(handle, 'writev').mockImplementation(async (buffers, position) => {
        writes++;
        const [first] = buffers as readonly Uint8Array[];
        const part = first?.subarray(0, 7777) ?? new Uint8Array(0);
        const { bytesWritten } = await handle.write(part, 0, part.length, position);
        return { bytesWritten, buffers };
      });
      return handle;
    });
    const whole = Uint8Array.from({ length: 600_000 }, (_, i) => i * 7);
    await storage.putBlob(pack, [whole.subarray(0, 10_000), whole.subarray(10_000)]);
    expect(writes).toBeGreaterThan(70);
    expect(await storage.getBlob(pack)).toEqual(whole);
  });
});

describe('failures', () => {
  it.each([
    ['ENOSPC', 'NO_SPACE', false],
    ['EDQUOT', 'NO_SPACE', false],
    ['EACCES', 'ACCESS_DENIED', false],
    ['EROFS', 'READ_ONLY', false],
    ['EIO', 'STORAGE_FAILED', true],
  ])('turn %s into %s, name the path and leave nothing behind', async (errno, code, retryable) => {
    const storage = await create();
    await storage.putBlob(pack, data);
    const before = await files();
    failWrites(errno);
    await expect(storage.putBlob(pack, new Uint8Array(5))).rejects.toMatchObject({
      code,
      retryable,
      message: expect.stringContaining(join(root, packFile)) as string,
      facts: { blobID: pack, path: join(root, packFile) },
    });
    vi.restoreAllMocks();
    expect(await files()).toEqual(before);
    expect(await storage.getBlob(pack)).toEqual(data);
  });

  it('say when the root is missing or no folder', async () => {
    const path = join(root, 'missing');
    await expect(openFilesystemStorage({ path })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: `there is no repository folder ${path}; check the path, and that its disk is mounted`,
    });
    await expect(create({ path, create: 'in-existing-folder' })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
    });
    await fs.writeFile(path, '');
    await expect(openFilesystemStorage({ path })).rejects.toThrow(/not a folder/);
    await expect(create({ path })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('tell a root that went away from a blob that is missing, and do not make it again', async () => {
    const storage = await create();
    await storage.putBlob(pack, data);
    await fs.rename(root, `${root}-away`);
    const gone = { code: 'STORAGE_FAILED', retryable: false };
    try {
      await expect(storage.getBlob(pack)).rejects.toMatchObject(gone);
      await expect(storage.getMetadata(pack)).rejects.toMatchObject(gone);
      await expect(storage.putBlob(pack, data)).rejects.toMatchObject(gone);
      await expect(storage.deleteBlob(pack)).rejects.toMatchObject(gone);
      await expect(ids(storage)).rejects.toMatchObject(gone);
      await expect(fs.stat(root)).rejects.toThrow(/ENOENT/);
    } finally {
      await fs.rename(`${root}-away`, root);
    }
    expect(await storage.getBlob(pack)).toEqual(data);
  });

  it.each([
    [{ path: '' }, /path is empty/],
    [{ flat: true, dirShards: [1] }, /flat contradicts/],
    [{ uid: 5 }, /uid and gid/],
    [{ dirShards: [-1] }, /not the length/],
  ])('refuse the options %j', async (options, message) => {
    await expect(create(options)).rejects.toThrow(message);
  });
});
